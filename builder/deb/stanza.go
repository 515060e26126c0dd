package deb

import (
	"bufio"
	"errors"
	"io"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// maxLine bounds one line of a control file; the longest of the archive's
// package index has 30 kB.
const maxLine = 1 << 20

// Stanza is one paragraph of a control file (Debian policy, section 5.1).
// A value of several lines keeps its line breaks and its indentation.
type Stanza struct {
	names, values []string
}

// Get returns a field's value, "" where the field is absent. Names compare
// without regard to case.
func (s *Stanza) Get(name string) string {
	for i, n := range s.names {
		if strings.EqualFold(n, name) {
			return s.values[i]
		}
	}
	return ""
}

// Fields calls visit with every field in the order of the file.
func (s *Stanza) Fields(visit func(name, value string)) {
	for i, n := range s.names {
		visit(n, s.values[i])
	}
}

// Stanzas calls visit with each paragraph of r. The stanza is valid during the
// call only; its strings may be kept. A line that is no field, a field
// without a name and a repeated field are fault.Integrity.
func Stanzas(r io.Reader, visit func(*Stanza) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	var s Stanza
	flush := func() error {
		if len(s.names) == 0 {
			return nil
		}
		err := visit(&s)
		s.names, s.values = s.names[:0], s.values[:0]
		return err
	}
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if strings.TrimSpace(line) == "" {
			if err := flush(); err != nil {
				return err
			}
			continue
		}
		if err := s.add(line); err != nil {
			return fault.Wrap(fault.Integrity, err, "reading line %d", number)
		}
	}
	if err := lines.Err(); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading control data")
	}
	return flush()
}

func (s *Stanza) add(line string) error {
	if line[0] == ' ' || line[0] == '\t' {
		if len(s.names) == 0 {
			return errors.New("continuation without a field")
		}
		last := len(s.values) - 1
		s.values[last] += "\n" + strings.TrimRight(line, " \t\r")
		return nil
	}
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return errors.New("no field")
	}
	for _, n := range s.names {
		if strings.EqualFold(n, name) {
			return errors.New("field " + n + " repeated")
		}
	}
	s.names = append(s.names, name)
	s.values = append(s.values, strings.TrimSpace(value))
	return nil
}
