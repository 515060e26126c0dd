package wheel_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// Wheels with what real ones have, and what the strict reader therefore accepts.
func TestToleratedWheels(t *testing.T) {
	for name, b := range map[string]*wheeltest.Builder{
		"directory entries": archive(func(a *wheeltest.Archive) {
			a.Entries = slices.Insert(a.Entries, 0, &wheeltest.Entry{Name: "demo/", Mode: 0o040755})
		}),
		"deflated directory entry": archive(func(a *wheeltest.Archive) {
			e := a.Add("demo/", "")
			e.Mode, e.Packed = 0o040755, []byte("\x03\x00")
		}),
		"no mode at all":         good().FileMode("demo/other.txt", "x", 0),
		"mode 0666":              good().FileMode("demo/other.txt", "x", 0o100666),
		"name not normalised":    wheeltest.New("Flask_OpenID", "1.3.1").File("flask_openid.py", "x"),
		"version not normalised": wheeltest.New("demo", "1.0").DistInfo("demo-1.0.0").File("demo.py", "x"),
		"nested dist-info":       good().File("demo/_vendor/other-2.0.dist-info/METADATA", "x"),
		"capital True":           good().Replace("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: True\nTag: py3-none-any\n"),
		"CRLF metadata":          good().Replace("METADATA", "Metadata-Version: 2.1\r\nName: demo\r\nVersion: 1.0\r\n\r\nText\r\n"),
		"folded metadata":        good().Header("License", "first\n        second\n\tthird"),
		"stored member":          entry(t, func(e *wheeltest.Entry) { e.Method = 0 }),
		"UTF-8 name":             good().File("demo/éß.py", "x"),
		"comma in a name":        good().File(`demo/a,"b".py`, "x"),
		"empty file":             good().File("demo/py.typed", ""),
		"shipped bytecode":       good().File("demo/__pycache__/x.cpython-313.pyc", "x"),
		"data schemes":           good().Data("purelib", "demo/x.py", "x").Data("scripts", "demo", "x").Data("headers", "demo.h", "x"),
		"descriptor": entry(t, func(e *wheeltest.Entry) {
			e.Flags |= 8
			e.Descriptor = descriptor(t, e, true)
			e.Local = func(h *wheeltest.Header) { h.CRC, h.Size, h.Packed = 0, 0, 0 }
		}),
		"descriptor without signature": entry(t, func(e *wheeltest.Entry) {
			e.Flags |= 8
			e.Descriptor = descriptor(t, e, false)
		}),
		"time stamps": entry(t, func(e *wheeltest.Entry) { e.Central = extra(0x5455, "\x01\x00\x00\x00\x00") }),
		"ZIP64 field that repeats": entry(t, func(e *wheeltest.Entry) {
			e.Local = func(h *wheeltest.Header) { extra(1, long(h.Size)+long(h.Packed))(h) }
		}),
		"ZIP64 field that is needed": entry(t, func(e *wheeltest.Entry) {
			e.Local = func(h *wheeltest.Header) {
				size, packed := h.Size, h.Packed
				h.Size, h.Packed = 0xffffffff, 0xffffffff
				extra(1, long(size)+long(packed))(h)
			}
		}),
		"ZIP64 end records": archive(func(a *wheeltest.Archive) { a.Zip64 = true }),
	} {
		t.Run(name, func(t *testing.T) {
			if err := read(b.Bytes(t), b.Filename()); err != nil {
				t.Error(err)
			}
		})
	}
}

func long(v uint32) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(v))) }

func descriptor(t *testing.T, e *wheeltest.Entry, signature bool) []byte {
	var h wheeltest.Header
	e.Central = func(real *wheeltest.Header) { h = *real }
	(&wheeltest.Archive{Entries: []*wheeltest.Entry{e}}).Bytes(t)
	e.Central = nil
	var b []byte
	if signature {
		b = binary.LittleEndian.AppendUint32(b, 0x08074b50)
	}
	for _, v := range []uint32{h.CRC, h.Packed, h.Size} {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}
