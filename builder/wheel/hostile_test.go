package wheel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// good is what the hostile wheels differ from in one thing.
func good() *wheeltest.Builder {
	return wheeltest.New("demo", "1.0").File("demo/__init__.py", "x = 1\n").File("demo/data.txt", strings.Repeat("data ", 50)).
		EntryPoint("console_scripts", "demo", "demo:main")
}

const victim = "demo/data.txt"

// entry changes the archive entry of the victim.
func entry(t testing.TB, change func(e *wheeltest.Entry)) *wheeltest.Builder {
	return good().Archive(func(a *wheeltest.Archive) { change(a.Get(t, victim)) })
}

func archive(change func(a *wheeltest.Archive)) *wheeltest.Builder { return good().Archive(change) }

// hostile lists wheels that must be refused: by Open, or by Verify where the
// structure is right and the content is not.
func hostile(t testing.TB) map[string]*wheeltest.Builder {
	deflate := wheeltest.Deflate(t, strings.Repeat("data ", 50))
	rows := func(edit func(rows []string) []string) *wheeltest.Builder { return good().Rows(edit) }
	row := func(i int, old, new string) *wheeltest.Builder {
		return rows(func(rows []string) []string {
			rows[i] = strings.Replace(rows[i], old, new, 1)
			return rows
		})
	}
	u32 := func(b []byte, at int, v uint32) []byte {
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	return map[string]*wheeltest.Builder{
		// Names.
		"name: absolute":              good().File("/etc/passwd", "x"),
		"name: drive":                 good().File("C:demo.py", "x"),
		"name: parent":                good().File("../demo.py", "x"),
		"name: parent inside":         good().File("demo/../../x.py", "x"),
		"name: dot":                   good().File("demo/./x.py", "x"),
		"name: empty part":            good().File("demo//x.py", "x"),
		"name: empty":                 good().File("", "x"),
		"name: backslash":             good().File(`demo\x.py`, "x"),
		"name: NUL":                   good().File("demo/x.py\x00.txt", "x"),
		"name: newline":               good().File("demo/x\ny.py", "x"),
		"name: escape":                good().File("demo/\x1b[2Jx.py", "x"),
		"name: bidirectional control": good().File("demo/\u202eyp.x", "x"),
		"name: combining character":   good().File("demo/e\u0301.py", "x"),
		"name: not UTF-8":             good().File("demo/\xff.py", "x"),
		"name: too long":              good().File("demo/"+strings.Repeat("abcdefg/", 130)+"x.py", "x"),
		"name: part too long":         good().File("demo/"+strings.Repeat("x", 256), "x"),
		"name: too deep":              good().File(strings.Repeat("d/", 70)+"x.py", "x"),
		"name: UTF-8 without the flag": archive(func(a *wheeltest.Archive) {
			a.Add("demo/é.py", "x").Flags = 0
		}),
		// Two members in one place.
		"duplicate":                archive(func(a *wheeltest.Archive) { a.Add(victim, "other") }),
		"case folding":             good().File("demo/DATA.txt", "x"),
		"case folding, directory":  good().File("Demo/other.txt", "x"),
		"case folding, Kelvin":     good().File("demo/k.py", "x").File("demo/\u212a.py", "x"),
		"file as a directory":      good().File(victim+"/x.py", "x"),
		"directory entry twice":    archive(func(a *wheeltest.Archive) { directory(a, "demo/d/"); directory(a, "demo/d/") }),
		"directory with content":   archive(func(a *wheeltest.Archive) { a.Add("demo/d/", "x").Mode = 0o040755 }),
		"directory of a file name": archive(func(a *wheeltest.Archive) { directory(a, victim+"/") }),
		// Types and modes.
		"symbolic link":        good().FileMode("demo/link", "/etc/passwd", 0o120777),
		"device":               good().FileMode("demo/null", "", 0o020666),
		"named pipe":           good().FileMode("demo/pipe", "", 0o010644),
		"socket":               good().FileMode("demo/socket", "", 0o140644),
		"setuid":               good().FileMode("demo/tool", "x", 0o104755),
		"setgid":               good().FileMode("demo/tool", "x", 0o102755),
		"file named directory": archive(func(a *wheeltest.Archive) { a.Add("demo/d/", "").Mode = 0o100644 }),
		// Local header against central directory.
		"local name differs":     entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Name = "demo/evil.txt" } }),
		"local method differs":   entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Method = 0 } }),
		"local flags differ":     entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Flags = 0x800 } }),
		"local size differs":     entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Size-- } }),
		"local packed differs":   entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Packed-- } }),
		"local checksum differs": entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.CRC++ } }),
		"local signature":        entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Signature++ } }),
		"central signature":      entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Signature++ } }),
		"offset elsewhere":       entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Offset++ } }),
		"offset far outside":     entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Offset = 0xfffffff0 } }),
		"packed size too large": entry(t, func(e *wheeltest.Entry) {
			e.Central = func(h *wheeltest.Header) { h.Packed = 0x7fffffff }
			e.Local = e.Central
		}),
		"overlapping members": entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Offset = 0 } }),
		"entry comment":       entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Comment = []byte("PK\x05\x06") } }),
		"other disk":          entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Disk = 1 } }),
		// Compression, encryption, extra fields.
		"encrypted":          entry(t, func(e *wheeltest.Entry) { e.Flags |= 1 }),
		"strong encryption":  entry(t, func(e *wheeltest.Entry) { e.Flags |= 0x40 }),
		"patched data":       entry(t, func(e *wheeltest.Entry) { e.Flags |= 0x20 }),
		"masked headers":     entry(t, func(e *wheeltest.Entry) { e.Flags |= 0x2000 }),
		"method bzip2":       entry(t, func(e *wheeltest.Entry) { e.Method = 12 }),
		"method zstd":        entry(t, func(e *wheeltest.Entry) { e.Method = 93 }),
		"unicode path field": entry(t, func(e *wheeltest.Entry) { e.Central = extra(0x7075, "\x01\x00\x00\x00\x00demo/evil.py") }),
		"unknown field":      entry(t, func(e *wheeltest.Entry) { e.Central = extra(0xcafe, "x") }),
		"truncated field":    entry(t, func(e *wheeltest.Entry) { e.Local = func(h *wheeltest.Header) { h.Extra = []byte{1, 0, 16, 0, 1} } }),
		"ZIP64 field unasked": entry(t, func(e *wheeltest.Entry) {
			e.Central = extra(1, "\x00\x00\x00\x00\x00\x00\x00\x00")
		}),
		"ZIP64 field missing": entry(t, func(e *wheeltest.Entry) { e.Central = func(h *wheeltest.Header) { h.Size = 0xffffffff } }),
		"ZIP64 field with another size": entry(t, func(e *wheeltest.Entry) {
			e.Local = extra(1, "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00")
		}),
		"ZIP64 field, huge": entry(t, func(e *wheeltest.Entry) {
			e.Central = func(h *wheeltest.Header) {
				h.Size = 0xffffffff
				extra(1, "\x00\x00\x00\x00\x00\x00\x00\x7f")(h)
			}
		}),
		// Data that belongs to no member.
		"prefix":             archive(func(a *wheeltest.Archive) { a.Prefix = []byte("#!/bin/sh\n") }),
		"gap":                archive(func(a *wheeltest.Archive) { a.Gap = []byte("hidden") }),
		"gap behind member":  entry(t, func(e *wheeltest.Entry) { e.After = []byte("hidden") }),
		"suffix":             archive(func(a *wheeltest.Archive) { a.Suffix = []byte("hidden") }),
		"comment":            archive(func(a *wheeltest.Archive) { a.Comment = []byte("hidden") }),
		"second end record":  archive(func(a *wheeltest.Archive) { a.Suffix = emptyEnd }),
		"end record in gap":  archive(func(a *wheeltest.Archive) { a.Gap = emptyEnd }),
		"member not listed":  entry(t, func(e *wheeltest.Entry) { e.NoCentral = true }),
		"empty archive":      archive(func(a *wheeltest.Archive) { a.Entries = nil }),
		"descriptor missing": entry(t, func(e *wheeltest.Entry) { e.Flags |= 8 }),
		"descriptor unasked": entry(t, func(e *wheeltest.Entry) { e.Descriptor = make([]byte, 16) }),
		"descriptor wrong":   entry(t, func(e *wheeltest.Entry) { e.Flags |= 8; e.Descriptor = make([]byte, 16) }),
		// End records.
		"end: other count":          archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { b[10]++; return b } }),
		"end: more members":         archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { b[8]++; b[10]++; return b } }),
		"end: fewer members":        archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { b[8]--; b[10]--; return b } }),
		"end: other offset":         archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { b[16]++; return b } }),
		"end: huge directory":       archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { return u32(b, 12, 0xfffffffe) } }),
		"end: second disk":          archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { b[4] = 1; return b } }),
		"end: ZIP64 announced only": archive(func(a *wheeltest.Archive) { a.End = func(b []byte) []byte { return u32(b, 16, 0xffffffff) } }),
		"end: ZIP64 mismatch": archive(func(a *wheeltest.Archive) {
			a.Zip64 = true
			a.End64 = func(b []byte) []byte { b[24]++; b[32]++; return b }
		}),
		"end: ZIP64 with unknown part": archive(func(a *wheeltest.Archive) {
			a.Zip64 = true
			a.End64 = func(b []byte) []byte { b[4]++; return b }
		}),
		"end: ZIP64 locator astray": archive(func(a *wheeltest.Archive) {
			a.Zip64 = true
			a.End64 = func(b []byte) []byte { b[56+8]++; return b }
		}),
		// Content.
		"content: wrong bytes":    entry(t, func(e *wheeltest.Entry) { e.Content = strings.Repeat("atad ", 50) }),
		"content: wrong checksum": entry(t, func(e *wheeltest.Entry) { e.Local = checksum; e.Central = checksum }),
		"content: longer than announced": entry(t, func(e *wheeltest.Entry) {
			e.Packed = wheeltest.Deflate(t, strings.Repeat("data ", 5000))
		}),
		"content: shorter than announced": entry(t, func(e *wheeltest.Entry) { e.Packed = wheeltest.Deflate(t, "data ") }),
		"content: bytes after the stream": entry(t, func(e *wheeltest.Entry) { e.Packed = append(bytes.Clone(deflate), "hidden"...) }),
		"content: broken stream":          entry(t, func(e *wheeltest.Entry) { e.Packed = []byte("not deflate") }),
		"content: truncated stream":       entry(t, func(e *wheeltest.Entry) { e.Packed = deflate[:len(deflate)-3] }),
		"content: stored, other size":     entry(t, func(e *wheeltest.Entry) { e.Method = 0; e.Packed = []byte("data") }),
		// RECORD.
		"RECORD: missing":       archive(func(a *wheeltest.Archive) { a.Entries = a.Entries[:len(a.Entries)-1] }),
		"RECORD: misses a file": rows(func(rows []string) []string { return rows[1:] }),
		"RECORD: absent file":   rows(func(rows []string) []string { return append(rows, wheeltest.Row("demo/absent.py", "x")) }),
		"RECORD: file twice":    rows(func(rows []string) []string { return append(rows, rows[0]) }),
		"RECORD: path outside":  rows(func(rows []string) []string { return append(rows, wheeltest.Row("../../bin/demo", "x")) }),
		"RECORD: wrong hash": rows(func(rows []string) []string {
			rows[1] = wheeltest.Row(victim, strings.Repeat("atad ", 50))
			return rows
		}),
		"RECORD: wrong size": row(1, ",250", ",251"),
		"RECORD: no size":    row(1, ",250", ","),
		"RECORD: no hash":    rows(func(rows []string) []string { rows[1] = victim + ",,250"; return rows }),
		"RECORD: weak hash":  rows(func(rows []string) []string { rows[1] = victim + ",md5=1B2M2Y8AsgTpgAmY7PhCfg,250"; return rows }),
		"RECORD: short hash": rows(func(rows []string) []string { rows[1] = victim + ",sha256=AAAA,250"; return rows }),
		"RECORD: hash of itself": rows(func(rows []string) []string {
			rows[len(rows)-1] = wheeltest.Row("demo-1.0.dist-info/RECORD", "")
			return rows
		}),
		"RECORD: four columns":  rows(func(rows []string) []string { rows[1] += ",x"; return rows }),
		"RECORD: broken quotes": rows(func(rows []string) []string { rows[1] = `"` + rows[1]; return rows }),
		// Metadata.
		"METADATA: missing":           good().Replace("METADATA", ""),
		"METADATA: other name":        good().Replace("METADATA", "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"),
		"METADATA: other version":     good().Replace("METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 2.0\n"),
		"METADATA: two names":         good().Header("Name", "evil"),
		"METADATA: no format version": good().Replace("METADATA", "Name: demo\nVersion: 1.0\n"),
		"METADATA: no header":         good().Replace("METADATA", "Metadata-Version: 2.1\nName: demo\nnonsense\nVersion: 1.0\n"),
		"METADATA: NUL":               good().Header("Summary", "a\x00b"),
		"METADATA: not UTF-8":         good().Header("Summary", "\xff"),
		"WHEEL: missing":              good().Replace("WHEEL", ""),
		"WHEEL: future format":        good().Replace("WHEEL", "Wheel-Version: 2.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
		"WHEEL: no purelib":           good().Replace("WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"),
		"WHEEL: broken tag":           good().Replace("WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none\n"),
		"entry points: nonsense":      good().Replace("entry_points.txt", "[console_scripts]\ndemo = os.system('x')\n"),
		"entry points: no group":      good().Replace("entry_points.txt", "demo = demo:main\n"),
		"entry points: twice":         good().EntryPoint("console_scripts", "demo", "evil:main"),
		"dist-info: other name":       good().DistInfo("evil-1.0"),
		"dist-info: other version":    good().DistInfo("demo-2.0"),
		"dist-info: second":           good().File("evil-1.0.dist-info/METADATA", "x"),
		"dist-info: a file":           good().File("evil-1.0.dist-info", "x"),
		"egg-info":                    good().File("evil.egg-info/PKG-INFO", "x"),
		"data: unknown scheme":        good().Data("stdlib", "os.py", "x"),
		"data: no scheme":             good().File("demo-1.0.data/x", "x"),
		"data: of another wheel":      good().File("evil-1.0.data/scripts/x", "x"),
	}
}

var emptyEnd = append([]byte("PK\x05\x06"), make([]byte, 18)...)

func directory(a *wheeltest.Archive, name string) {
	e := a.Add(name, "")
	e.Mode, e.Method = 0o040755, 0
}

func checksum(h *wheeltest.Header) { h.CRC++ }

func extra(id uint16, value string) func(h *wheeltest.Header) {
	return func(h *wheeltest.Header) {
		h.Extra = binary.LittleEndian.AppendUint16(h.Extra, id)
		h.Extra = binary.LittleEndian.AppendUint16(h.Extra, uint16(len(value)))
		h.Extra = append(h.Extra, value...)
	}
}

func read(content []byte, filename string) error {
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), filename)
	if err != nil {
		return err
	}
	return w.Verify()
}

func TestHostileWheelsAreRefused(t *testing.T) {
	if err := read(good().Bytes(t), good().Filename()); err != nil {
		t.Fatalf("the good wheel is refused: %v", err)
	}
	for name, b := range hostile(t) {
		t.Run(name, func(t *testing.T) {
			if err := read(b.Bytes(t), b.Filename()); !fault.Is(err, fault.Integrity) {
				t.Errorf("error = %v, want %v", err, fault.Integrity)
			}
		})
	}
}

func TestBrokenFilesAreRefused(t *testing.T) {
	whole := good().Bytes(t)
	broken := map[string][]byte{
		"empty":       {},
		"HTML":        []byte("<!DOCTYPE html><html><body>403 Forbidden</body></html>"),
		"end only":    emptyEnd,
		"zeros":       make([]byte, 4096),
		"cut in half": whole[:len(whole)/2],
		"last byte":   whole[:len(whole)-1],
		"first byte":  whole[1:],
	}
	for name, content := range broken {
		if err := read(content, good().Filename()); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s: error = %v, want %v", name, err, fault.Integrity)
		}
	}
	if err := read(whole, "demo-1.0.zip"); !fault.Is(err, fault.Integrity) {
		t.Errorf("wrong file name: error = %v", err)
	}
}

// Every change of one byte must be seen, but for those in fields that carry
// nothing: time stamps, versions of the tools, and unused attribute bits.
func TestEveryByteIsChecked(t *testing.T) {
	whole := good().Bytes(t)
	if err := read(whole, good().Filename()); err != nil {
		t.Fatal(err)
	}
	idle := idleBytes(whole)
	for i := range whole {
		changed := bytes.Clone(whole)
		changed[i] ^= 0x41
		if err := read(changed, good().Filename()); (err == nil) != idle[i] {
			t.Errorf("byte %d changed from %#x to %#x: error = %v, want one: %v", i, whole[i], changed[i], err, !idle[i])
		}
	}
}

// idleBytes marks the bytes of headers that may hold anything.
func idleBytes(archive []byte) map[int]bool {
	idle := map[int]bool{}
	mark := func(at int, offsets ...int) {
		for _, o := range offsets {
			idle[at+o] = true
		}
	}
	for i := range archive {
		switch {
		case bytes.HasPrefix(archive[i:], []byte("PK\x03\x04")):
			mark(i, 4, 5, 10, 11, 12, 13)
		case bytes.HasPrefix(archive[i:], []byte("PK\x01\x02")):
			mark(i, 4, 5, 6, 7, 12, 13, 14, 15, 36, 37, 38, 39)
			mark(i, 40) // 0o101 of the mode: permissions
		}
	}
	return idle
}

// A deflate bomb stops at the announced size, without unpacking the rest.
func TestBombStopsAtTheAnnouncedSize(t *testing.T) {
	b := entry(t, func(e *wheeltest.Entry) { e.Packed = wheeltest.Deflate(t, strings.Repeat("\x00", 64<<20)) })
	content := b.Bytes(t)
	w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), b.Filename())
	if err != nil {
		t.Fatal(err)
	}
	var got countingWriter
	if _, err := w.Copy(&got, w.Member(victim)); !fault.Is(err, fault.Integrity) {
		t.Errorf("error = %v", err)
	}
	if got > 250 {
		t.Errorf("%d bytes written, announced were 250", got)
	}
}

type countingWriter int64

func (c *countingWriter) Write(p []byte) (int, error) {
	*c += countingWriter(len(p))
	return len(p), nil
}

// Totals are refused from the central directory alone, before anything is unpacked.
func TestTotalsAreBounded(t *testing.T) {
	b := archive(func(a *wheeltest.Archive) {
		for i := range 4 {
			e := a.Add(fmt.Sprintf("demo/%d.bin", i), "")
			e.Local = func(h *wheeltest.Header) { h.Size = wheel.MaxMember }
			e.Central = e.Local
		}
	})
	if err := read(b.Bytes(t), b.Filename()); !fault.Is(err, fault.Integrity) {
		t.Errorf("error = %v", err)
	}
}
