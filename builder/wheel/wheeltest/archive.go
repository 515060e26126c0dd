package wheeltest

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"testing"
)

// Archive is a ZIP archive whose every field a test can set.
type Archive struct {
	Entries []*Entry
	Prefix  []byte // before the first member
	Gap     []byte // between the members and the central directory
	Suffix  []byte // after the end record
	Comment []byte // in the end record
	Zip64   bool   // with ZIP64 end records
	End     func(end []byte) []byte
	End64   func(end []byte) []byte // the ZIP64 end record and its locator
}

// Entry is one member. What the two headers say is taken from Local and
// Central, which Bytes fills from the fields above where they are nil.
type Entry struct {
	Name    string
	Content string
	Mode    uint32 // Unix mode with the file type
	Method  uint16 // 0 stored, 8 deflate
	Flags   uint16

	Packed     []byte // the compressed bytes, where not those of Content
	Descriptor []byte // written after the data
	After      []byte // written after the descriptor: a gap
	NoCentral  bool   // leave the member out of the central directory
	Local      func(h *Header)
	Central    func(h *Header)
}

// Header is what a local header or an entry of the central directory says.
type Header struct {
	Signature    uint32
	Name         string
	Flags        uint16
	Method       uint16
	CRC          uint32
	Packed, Size uint32
	Extra        []byte
	Comment      []byte
	Disk         uint16
	External     uint32
	Offset       uint32
}

// Add appends a deflated member with mode 0644 and returns it.
func (a *Archive) Add(name, content string) *Entry {
	e := &Entry{Name: name, Content: content, Mode: 0o100644, Method: 8}
	for _, r := range name {
		if r > 127 {
			e.Flags = 0x800
		}
	}
	a.Entries = append(a.Entries, e)
	return e
}

// Get returns the first member of that name.
func (a *Archive) Get(t testing.TB, name string) *Entry {
	t.Helper()
	for _, e := range a.Entries {
		if e.Name == name {
			return e
		}
	}
	t.Fatalf("the archive has no member %s", name)
	return nil
}

// Bytes writes the archive.
func (a *Archive) Bytes(t testing.TB) []byte {
	t.Helper()
	out := bytes.Clone(a.Prefix)
	var directory []byte
	count := 0
	for _, e := range a.Entries {
		h := e.header(t, uint32(len(out)))
		out = append(out, h.local(e)...)
		if !e.NoCentral {
			directory = append(directory, h.central(e)...)
			count++
		}
	}
	out = append(out, a.Gap...)
	offset := len(out)
	out = append(out, directory...)
	if a.Zip64 {
		end := end64(count, len(directory), offset, len(out))
		if a.End64 != nil {
			end = a.End64(end)
		}
		out = append(out, end...)
	}
	end := a.end(count, len(directory), offset)
	if a.End != nil {
		end = a.End(end)
	}
	return append(append(out, end...), a.Suffix...)
}

func (e *Entry) header(t testing.TB, offset uint32) Header {
	t.Helper()
	if e.Packed == nil && e.Method == 8 {
		e.Packed = Deflate(t, e.Content)
	} else if e.Packed == nil {
		e.Packed = []byte(e.Content)
	}
	return Header{
		Name: e.Name, Flags: e.Flags, Method: e.Method, CRC: crc32.ChecksumIEEE([]byte(e.Content)),
		Packed: uint32(len(e.Packed)), Size: uint32(len(e.Content)), External: e.Mode << 16, Offset: offset,
	}
}

func (h Header) local(e *Entry) []byte {
	h.Signature = 0x04034b50
	if e.Local != nil {
		e.Local(&h)
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, h.Signature)
	b = le.AppendUint16(b, 20)
	b = le.AppendUint16(b, h.Flags)
	b = le.AppendUint16(b, h.Method)
	b = le.AppendUint32(b, 0x00210000)
	b = le.AppendUint32(b, h.CRC)
	b = le.AppendUint32(b, h.Packed)
	b = le.AppendUint32(b, h.Size)
	b = le.AppendUint16(b, uint16(len(h.Name)))
	b = le.AppendUint16(b, uint16(len(h.Extra)))
	b = append(append(b, h.Name...), h.Extra...)
	return append(append(append(b, e.Packed...), e.Descriptor...), e.After...)
}

func (h Header) central(e *Entry) []byte {
	h.Signature = 0x02014b50
	if e.Central != nil {
		e.Central(&h)
	}
	le := binary.LittleEndian
	b := le.AppendUint32(nil, h.Signature)
	b = le.AppendUint16(b, 3<<8|20)
	b = le.AppendUint16(b, 20)
	b = le.AppendUint16(b, h.Flags)
	b = le.AppendUint16(b, h.Method)
	b = le.AppendUint32(b, 0x00210000)
	b = le.AppendUint32(b, h.CRC)
	b = le.AppendUint32(b, h.Packed)
	b = le.AppendUint32(b, h.Size)
	b = le.AppendUint16(b, uint16(len(h.Name)))
	b = le.AppendUint16(b, uint16(len(h.Extra)))
	b = le.AppendUint16(b, uint16(len(h.Comment)))
	b = le.AppendUint16(b, h.Disk)
	b = le.AppendUint16(b, 0)
	b = le.AppendUint32(b, h.External)
	b = le.AppendUint32(b, h.Offset)
	return append(append(append(b, h.Name...), h.Extra...), h.Comment...)
}

func (a *Archive) end(count, size, offset int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0x06054b50)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, uint16(count))
	b = le.AppendUint16(b, uint16(count))
	b = le.AppendUint32(b, uint32(size))
	b = le.AppendUint32(b, uint32(offset))
	b = le.AppendUint16(b, uint16(len(a.Comment)))
	return append(b, a.Comment...)
}

func end64(count, size, offset, at int) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, 0x06064b50)
	b = le.AppendUint64(b, 44)
	b = le.AppendUint32(b, 45<<16|45)
	b = le.AppendUint64(b, 0)
	b = le.AppendUint64(b, uint64(count))
	b = le.AppendUint64(b, uint64(count))
	b = le.AppendUint64(b, uint64(size))
	b = le.AppendUint64(b, uint64(offset))
	b = le.AppendUint32(b, 0x07064b50)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(at))
	return le.AppendUint32(b, 1)
}

// Deflate compresses content as members are.
func Deflate(t testing.TB, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.DefaultCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
