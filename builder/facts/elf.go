package facts

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Limits on what one ELF file may make its reader do.
const (
	maxProgramHeaders = 512
	maxDynamic        = 64 << 10 // bytes of the dynamic segment
	maxELFString      = 4096     // bytes of one name or search path
	maxNeeded         = 1024
)

// elfReader reads what the dynamic loader reads: program headers and the
// dynamic segment, never section headers, which may be absent or untrue.
type elfReader struct {
	r     io.ReaderAt
	order binary.ByteOrder
	wide  bool // 64-bit
	out   ELF
	loads []segment
}

type segment struct{ vaddr, offset, size uint64 }

// readELF reads one file of the given size. Errors are fault.Integrity.
func readELF(r io.ReaderAt, size int64) (ELF, error) {
	e := &elfReader{r: io.NewSectionReader(r, 0, size)}
	if err := e.read(); err != nil {
		return ELF{}, fault.Wrap(fault.Integrity, err, "reading ELF file")
	}
	return e.out, nil
}

func (e *elfReader) read() error {
	var head [64]byte
	if _, err := e.r.ReadAt(head[:52], 0); err != nil {
		return err
	}
	switch head[4] {
	case 1:
		e.out.Class = 32
	case 2:
		e.wide, e.out.Class = true, 64
		if _, err := e.r.ReadAt(head[:], 0); err != nil {
			return err
		}
	default:
		return fmt.Errorf("class %d", head[4])
	}
	switch head[5] {
	case 1:
		e.order = binary.LittleEndian
	case 2:
		e.order = binary.BigEndian
	default:
		return fmt.Errorf("byte order %d", head[5])
	}
	e.out.Type, e.out.Machine = e.order.Uint16(head[16:]), e.order.Uint16(head[18:])
	offset, entry, count := uint64(e.order.Uint32(head[28:])), e.order.Uint16(head[42:]), e.order.Uint16(head[44:])
	if e.wide {
		offset, entry, count = e.order.Uint64(head[32:]), e.order.Uint16(head[54:]), e.order.Uint16(head[56:])
	}
	if count == 0 {
		return nil // an object file: nothing that a loader would read
	}
	if want := map[bool]uint16{false: 32, true: 56}[e.wide]; entry != want || count > maxProgramHeaders {
		return fmt.Errorf("%d program headers of %d bytes", count, entry)
	}
	return e.programHeaders(offset, int(count))
}

func (e *elfReader) programHeaders(offset uint64, count int) error {
	var dynamic, interp *segment
	for n := range count {
		kind, s, err := e.programHeader(offset, n)
		if err != nil {
			return err
		}
		switch kind {
		case 1:
			e.loads = append(e.loads, s)
		case 2:
			dynamic = &s
		case 3:
			interp = &s
		}
	}
	if interp != nil {
		name, err := e.text(interp.offset)
		if err != nil {
			return fmt.Errorf("interpreter: %w", err)
		}
		e.out.Interp = name
	}
	if dynamic == nil {
		return nil
	}
	return e.dynamic(*dynamic)
}

func (e *elfReader) programHeader(offset uint64, n int) (kind uint32, s segment, err error) {
	size := 32
	if e.wide {
		size = 56
	}
	b, err := e.bytes(offset+uint64(n*size), size)
	if err != nil {
		return 0, s, fmt.Errorf("program header %d: %w", n, err)
	}
	kind = e.order.Uint32(b)
	if e.wide {
		return kind, segment{vaddr: e.order.Uint64(b[16:]), offset: e.order.Uint64(b[8:]), size: e.order.Uint64(b[32:])}, nil
	}
	return kind, segment{vaddr: uint64(e.order.Uint32(b[8:])), offset: uint64(e.order.Uint32(b[4:])), size: uint64(e.order.Uint32(b[16:]))}, nil
}

// Tags of the dynamic segment, System V gABI chapter 5.
const (
	dtNull, dtNeeded, dtStrtab, dtSoname, dtRpath, dtRunpath = 0, 1, 5, 14, 15, 29
)

func (e *elfReader) dynamic(s segment) error {
	word := 4
	if e.wide {
		word = 8
	}
	if s.size > maxDynamic {
		return fmt.Errorf("a dynamic segment of %d bytes", s.size)
	}
	b, err := e.bytes(s.offset, int(s.size))
	if err != nil {
		return fmt.Errorf("dynamic segment: %w", err)
	}
	type tag struct{ tag, value uint64 }
	var tags []tag
	var strtab uint64
	for ; len(b) >= 2*word; b = b[2*word:] {
		t := tag{e.word(b), e.word(b[word:])}
		if t.tag == dtNull {
			break
		}
		if t.tag == dtStrtab {
			strtab = t.value
		}
		tags = append(tags, t)
	}
	for _, t := range tags {
		if err := e.dynamicTag(t.tag, strtab, t.value); err != nil {
			return err
		}
	}
	return nil
}

func (e *elfReader) dynamicTag(tag, strtab, at uint64) error {
	switch tag {
	case dtNeeded, dtSoname, dtRpath, dtRunpath:
	default:
		return nil
	}
	offset, ok := e.offsetOf(strtab)
	if !ok || at > 1<<32 {
		return fmt.Errorf("its string table lies in no segment")
	}
	text, err := e.text(offset + at)
	if err != nil {
		return fmt.Errorf("string table: %w", err)
	}
	switch tag {
	case dtNeeded:
		if len(e.out.Needed) == maxNeeded {
			return fmt.Errorf("more than %d libraries needed", maxNeeded)
		}
		e.out.Needed = append(e.out.Needed, text)
	case dtSoname:
		e.out.Soname = text
	case dtRpath:
		e.out.RPath = strings.Split(text, ":")
	case dtRunpath:
		e.out.RunPath = strings.Split(text, ":")
	}
	return nil
}

// offsetOf finds the place in the file of an address in memory.
func (e *elfReader) offsetOf(vaddr uint64) (uint64, bool) {
	for _, l := range e.loads {
		if vaddr >= l.vaddr && vaddr-l.vaddr < l.size {
			return l.offset + vaddr - l.vaddr, true
		}
	}
	return 0, false
}

func (e *elfReader) word(b []byte) uint64 {
	if e.wide {
		return e.order.Uint64(b)
	}
	return uint64(e.order.Uint32(b))
}

func (e *elfReader) bytes(offset uint64, n int) ([]byte, error) {
	if offset > 1<<62 {
		return nil, fmt.Errorf("offset %d", offset)
	}
	b := make([]byte, n)
	_, err := e.r.ReadAt(b, int64(offset))
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// text reads a string that ends with NUL.
func (e *elfReader) text(offset uint64) (string, error) {
	if offset > 1<<62 {
		return "", fmt.Errorf("offset %d", offset)
	}
	b := make([]byte, maxELFString)
	n, err := e.r.ReadAt(b, int64(offset))
	if err != nil && err != io.EOF {
		return "", err
	}
	text, _, ended := strings.Cut(string(b[:n]), "\x00")
	if !ended {
		return "", fmt.Errorf("no end of the string at %d", offset)
	}
	return strings.ToValidUTF8(text, "\uFFFD"), nil
}

// starts reports whether the kernel would start the file: an executable, or a
// shared object that names a loader.
func (e *ELF) starts() bool { return e.Type == 2 || e.Type == 3 && e.Interp != "" }
