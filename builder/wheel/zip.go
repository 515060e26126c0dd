package wheel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"sort"
)

// Signatures and fixed sizes of ZIP records, APPNOTE 6.3.10 section 4.3.
const (
	sigLocal      = 0x04034b50
	sigDescriptor = 0x08074b50
	sigCentral    = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator64  = 0x07064b50

	sizeLocal     = 30
	sizeCentral   = 46
	sizeEnd       = 22
	sizeEnd64     = 56
	sizeLocator64 = 20
)

// General purpose flags, section 4.4.4. All others are refused: encryption,
// patches, masked headers and reserved bits.
const (
	flagLevel      = 0x0006 // how hard deflate tried; says nothing to a reader
	flagDescriptor = 0x0008 // sizes and checksum follow the data
	flagUTF8       = 0x0800 // the name is UTF-8

	flagsKnown = flagLevel | flagDescriptor | flagUTF8
)

// Compression methods, section 4.4.5.
const (
	methodStored  = 0
	methodDeflate = 8
)

const unset32, unset16 = math.MaxUint32, math.MaxUint16

// entry is one file of the archive, as central directory and local header
// agree on it.
type entry struct {
	name     string
	flags    uint16
	method   uint16
	crc      uint32
	packed   uint64
	size     uint64
	header   uint64 // offset of the local header
	data     uint64 // offset of the packed bytes
	external uint32 // external attributes: Unix mode in the upper half
}

// readArchive reads and cross-checks the structure of a ZIP archive that fills
// the first size bytes of r. Its parts must follow one another without a gap:
// local headers with their data from offset 0, the central directory, the end
// records. So there is no room for bytes that one reader sees and another does
// not, and no second end record can be found by searching.
func readArchive(r io.ReaderAt, size int64) ([]*entry, error) {
	if size > MaxArchive {
		return nil, fmt.Errorf("archive of %d bytes, more than %d", size, int64(MaxArchive))
	}
	end, err := readEnd(r, size)
	if err != nil {
		return nil, err
	}
	entries, err := readDirectory(r, end)
	if err != nil {
		return nil, err
	}
	ordered := append([]*entry(nil), entries...)
	sort.SliceStable(ordered, func(i, j int) bool { return ordered[i].header < ordered[j].header })
	next := uint64(0)
	for i, e := range ordered {
		if e.header != next {
			return nil, memberError(e.name, "local header at %d, want %d: members overlap, or bytes before it belong to none", e.header, next)
		}
		if next = end.offset; i+1 < len(ordered) {
			next = ordered[i+1].header
		}
		if err := readLocal(r, e, next); err != nil {
			return nil, memberError(e.name, "%w", err)
		}
	}
	if len(ordered) == 0 {
		return nil, errors.New("archive without members")
	}
	return entries, nil
}

// endRecord says where the central directory is.
type endRecord struct{ count, size, offset uint64 }

// readEnd reads the end of central directory record (section 4.3.16) and, where
// there is one, its ZIP64 form (4.3.14, 4.3.15). An archive comment is refused:
// it could hold another end record.
func readEnd(r io.ReaderAt, size int64) (endRecord, error) {
	if size < sizeEnd {
		return endRecord{}, errors.New("not a ZIP archive: shorter than an end record")
	}
	at := uint64(size - sizeEnd)
	b, err := readAt(r, at, sizeEnd)
	if err != nil {
		return endRecord{}, err
	}
	if b.u32() != sigEnd {
		return endRecord{}, errors.New("no end record at the end: not a ZIP archive, truncated, or data or a comment after the archive")
	}
	disk, startDisk, diskCount := b.u16(), b.u16(), b.u16()
	count, dirSize, offset, comment := b.u16(), b.u32(), b.u32(), b.u16()
	switch {
	case comment != 0:
		return endRecord{}, errors.New("end record announces a comment that is not there")
	case disk != 0 || startDisk != 0 || diskCount != count:
		return endRecord{}, errors.New("archive of several disks")
	}
	end := endRecord{uint64(count), uint64(dirSize), uint64(offset)}
	if end, at, err = readEnd64(r, end, at); err != nil {
		return endRecord{}, err
	}
	switch {
	case end.count > MaxMembers:
		return endRecord{}, fmt.Errorf("%d members, more than %d", end.count, MaxMembers)
	case end.size > MaxDirectory:
		return endRecord{}, fmt.Errorf("central directory of %d bytes, more than %d", end.size, MaxDirectory)
	case end.offset > at || at-end.offset != end.size:
		return endRecord{}, errors.New("central directory does not end where the end record starts: data before the archive, between its parts, or a second end record")
	}
	return end, nil
}

// readEnd64 merges the ZIP64 end record into end, and returns where the end
// records start. at is the offset of the plain end record.
func readEnd64(r io.ReaderAt, end endRecord, at uint64) (endRecord, uint64, error) {
	needed := end.count == unset16 || end.size == unset32 || end.offset == unset32
	var locator fields
	if at >= sizeLocator64+sizeEnd64 {
		var err error
		if locator, err = readAt(r, at-sizeLocator64, sizeLocator64); err != nil {
			return end, at, err
		}
	}
	if len(locator) == 0 || locator.u32() != sigLocator64 {
		if needed {
			return end, at, errors.New("end record refers to a ZIP64 end record that is not there")
		}
		return end, at, nil
	}
	disk, offset, disks := locator.u32(), locator.u64(), locator.u32()
	at -= sizeLocator64 + sizeEnd64
	if disk != 0 || disks != 1 || offset != at {
		return end, at, errors.New("ZIP64 locator does not point at the record before it")
	}
	b, err := readAt(r, at, sizeEnd64)
	if err != nil {
		return end, at, err
	}
	if b.u32() != sigEnd64 || b.u64() != sizeEnd64-12 {
		return end, at, errors.New("ZIP64 end record is missing or has unknown parts")
	}
	b.u32() // versions, informative
	disk, startDisk := b.u32(), b.u32()
	diskCount, count, dirSize, dirOffset := b.u64(), b.u64(), b.u64(), b.u64()
	if disk != 0 || startDisk != 0 || diskCount != count {
		return end, at, errors.New("archive of several disks")
	}
	if !agrees(end.count, unset16, count) || !agrees(end.size, unset32, dirSize) || !agrees(end.offset, unset32, dirOffset) {
		return end, at, errors.New("ZIP64 mismatch: the two end records differ")
	}
	return endRecord{count, dirSize, dirOffset}, at, nil
}

// agrees reports whether a short field either refers to its ZIP64 form or is
// equal to it.
func agrees(short, unset, long uint64) bool { return short == unset || short == long }

// readDirectory reads the central directory, section 4.3.12.
func readDirectory(r io.ReaderAt, end endRecord) ([]*entry, error) {
	b, err := readAt(r, end.offset, int(end.size))
	if err != nil {
		return nil, err
	}
	if end.count*sizeCentral > end.size {
		return nil, fmt.Errorf("central directory of %d bytes cannot hold %d members", end.size, end.count)
	}
	entries := make([]*entry, 0, end.count)
	var total uint64
	for range end.count {
		e, err := b.central()
		if err != nil {
			return nil, fmt.Errorf("entry %d of the central directory: %w", len(entries), err)
		}
		if e.size > MaxMember {
			return nil, memberError(e.name, "%d bytes unpacked, more than %d", e.size, int64(MaxMember))
		}
		if total += e.size; total > MaxTotal {
			return nil, fmt.Errorf("more than %d bytes unpacked", int64(MaxTotal))
		}
		entries = append(entries, e)
	}
	if len(b) != 0 {
		return nil, fmt.Errorf("%d bytes of the central directory belong to no member", len(b))
	}
	return entries, nil
}

// central takes one entry off the front of the central directory.
func (b *fields) central() (*entry, error) {
	if len(*b) < sizeCentral || b.u32() != sigCentral {
		return nil, errors.New("no file header")
	}
	b.u32() // versions: the creator's system may be wrong, and features are checked one by one
	e := &entry{flags: b.u16(), method: b.u16()}
	b.u32() // time and date, never used
	e.crc = b.u32()
	packed, size := b.u32(), b.u32()
	nameLen, extraLen, commentLen := int(b.u16()), int(b.u16()), int(b.u16())
	disk := b.u16()
	b.u16() // internal attributes
	e.external = b.u32()
	header := b.u32()
	if len(*b) < nameLen+extraLen+commentLen {
		return nil, errors.New("truncated")
	}
	e.name = string(b.take(nameLen))
	extra := b.take(extraLen)
	b.take(commentLen)
	switch {
	case commentLen != 0:
		return nil, memberError(e.name, "has a comment")
	case disk != 0:
		return nil, memberError(e.name, "archive of several disks")
	case e.flags&^flagsKnown != 0:
		return nil, memberError(e.name, "encrypted, or flags %#04x unknown", e.flags&^uint16(flagsKnown))
	case e.method != methodStored && e.method != methodDeflate:
		return nil, memberError(e.name, "compression method %d, want stored or deflate", e.method)
	}
	long, err := extra.zip64()
	if err != nil {
		return nil, memberError(e.name, "%w", err)
	}
	e.size, e.packed, e.header = long.resolve(size), long.resolve(packed), long.resolve(header)
	if err := long.done(); err != nil {
		return nil, memberError(e.name, "%w", err)
	}
	if e.method == methodStored && e.size != e.packed {
		return nil, memberError(e.name, "stored, but %d bytes packed and %d unpacked", e.packed, e.size)
	}
	return e, nil
}

// readLocal checks the local header of e (section 4.3.7) against the central
// directory and sets e.data. Header, data and descriptor must end at next.
func readLocal(r io.ReaderAt, e *entry, next uint64) error {
	if next < e.header+sizeLocal {
		return errors.New("local header is truncated")
	}
	fixed, err := readAt(r, e.header, sizeLocal)
	if err != nil {
		return err
	}
	if fixed.u32() != sigLocal {
		return errors.New("no local header where the central directory says")
	}
	fixed.u16() // version needed
	flags, method := fixed.u16(), fixed.u16()
	fixed.u32() // time and date
	crc, packed, size := fixed.u32(), fixed.u32(), fixed.u32()
	nameLen, extraLen := uint64(fixed.u16()), uint64(fixed.u16())
	e.data = e.header + sizeLocal + nameLen + extraLen
	if e.data > next || next-e.data < e.packed {
		return errors.New("runs into what follows it")
	}
	rest, err := readAt(r, e.header+sizeLocal, int(nameLen+extraLen))
	if err != nil {
		return err
	}
	name := rest.take(int(nameLen))
	if string(name) != e.name || flags != e.flags || method != e.method {
		return errors.New("local header differs from the central directory in name, flags or method")
	}
	long, err := rest.zip64()
	if err != nil {
		return err
	}
	localSize, localPacked := long.resolve(size), long.resolve(packed)
	long.repeats(localSize, localPacked)
	if err := long.done(); err != nil {
		return err
	}
	same := uint64(crc) == uint64(e.crc) && localSize == e.size && localPacked == e.packed
	if e.flags&flagDescriptor != 0 {
		// The header may leave it to the descriptor, but not say something else.
		same = zeroOr(uint64(crc), uint64(e.crc)) && zeroOr(localSize, e.size) && zeroOr(localPacked, e.packed)
	}
	if !same {
		return errors.New("local header differs from the central directory in size or checksum")
	}
	return checkDescriptor(r, e, next)
}

func zeroOr(got, want uint64) bool { return got == 0 || got == want }

// checkDescriptor checks what lies between the data of e and next: nothing, or
// the data descriptor (section 4.3.9) in one of its four forms, with or without
// signature, with 4 or 8 bytes per size.
func checkDescriptor(r io.ReaderAt, e *entry, next uint64) error {
	stop := e.data + e.packed
	if e.flags&flagDescriptor == 0 {
		if stop != next {
			return fmt.Errorf("%d bytes after it belong to no member", next-stop)
		}
		return nil
	}
	wrong := errors.New("data descriptor is missing, followed by other bytes, or differs from the central directory")
	if next-stop > 24 {
		return wrong
	}
	got, err := readAt(r, stop, int(next-stop))
	if err != nil {
		return err
	}
	start := binary.LittleEndian.AppendUint32(nil, sigDescriptor)
	start = binary.LittleEndian.AppendUint32(start, e.crc)
	long := binary.LittleEndian.AppendUint64(bytes.Clone(start), e.packed)
	long = binary.LittleEndian.AppendUint64(long, e.size)
	short := binary.LittleEndian.AppendUint32(bytes.Clone(start), uint32(e.packed))
	short = binary.LittleEndian.AppendUint32(short, uint32(e.size))
	for _, form := range [][]byte{short, short[4:], long, long[4:]} {
		if bytes.Equal(got, form) {
			return nil
		}
	}
	return wrong
}

// fields is a little-endian byte string that is read from the front. Callers
// check its length before they read.
type fields []byte

func readAt(r io.ReaderAt, offset uint64, n int) (fields, error) {
	b := make(fields, n)
	if got, err := r.ReadAt(b, int64(offset)); got < n {
		return nil, fmt.Errorf("reading %d bytes at %d: %w", n, offset, err)
	}
	return b, nil
}

func (b *fields) take(n int) fields {
	head := (*b)[:n:n]
	*b = (*b)[n:]
	return head
}

func (b *fields) u16() uint16 { return binary.LittleEndian.Uint16(b.take(2)) }
func (b *fields) u32() uint32 { return binary.LittleEndian.Uint32(b.take(4)) }
func (b *fields) u64() uint64 { return binary.LittleEndian.Uint64(b.take(8)) }
