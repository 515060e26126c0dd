package deb

import (
	"bytes"
	"io"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

const (
	arMagic      = "!<arch>\n"
	arHeaderSize = 60
	arHeaderEnd  = "`\n"
)

// arMember is one member of the ar container.
type arMember struct {
	name string
	data *io.SectionReader
}

// readAr lists the members of an ar file in the common format that deb(5)
// prescribes: no long names, no symbol table, no byte outside a member.
func readAr(r io.ReaderAt, size int64) ([]arMember, error) {
	magic := make([]byte, len(arMagic))
	if size < int64(len(magic)) || readFullAt(r, magic, 0) != nil || string(magic) != arMagic {
		return nil, fault.New(fault.Integrity, "no ar archive")
	}
	var members []arMember
	for offset := int64(len(arMagic)); offset < size; {
		if len(members) == 3 {
			return nil, fault.New(fault.Integrity, "more than three members, or data after the last one")
		}
		header := make([]byte, arHeaderSize)
		if err := readFullAt(r, header, offset); err != nil {
			return nil, fault.Wrap(fault.Integrity, err, "reading the ar header at %d", offset)
		}
		if !bytes.HasSuffix(header, []byte(arHeaderEnd)) {
			return nil, fault.New(fault.Integrity, "ar header at %d lacks its end mark", offset)
		}
		length, err := strconv.ParseInt(strings.TrimRight(string(header[48:58]), " "), 10, 64)
		start := offset + arHeaderSize
		if err != nil || length < 0 || length > size-start {
			return nil, fault.New(fault.Integrity, "ar header at %d has size %q", offset, header[48:58])
		}
		name := strings.TrimSuffix(strings.TrimRight(string(header[:16]), " "), "/")
		members = append(members, arMember{name, io.NewSectionReader(r, start, length)})
		offset = start + length + length%2
	}
	return members, nil
}

func readFullAt(r io.ReaderAt, p []byte, offset int64) error {
	n, err := r.ReadAt(p, offset)
	if n == len(p) {
		return nil
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
