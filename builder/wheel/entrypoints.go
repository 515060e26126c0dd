package wheel

import (
	"bufio"
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// EntryPoints maps group and name to an object reference, "module:attribute".
type EntryPoints map[string]map[string]string

// A reference may end in extras, "module:attr [extra]", which nothing uses any
// more.
var reference = regexp.MustCompile(`^([\pL\pN_.]+(?::[\pL\pN_.]+)?)\s*(?:\[[^\]]*\])?$`)

func (w *Wheel) readEntryPoints() error {
	w.entryPoints = EntryPoints{}
	m := w.byName[w.DistInfo+"/entry_points.txt"]
	if m == nil {
		return nil
	}
	content, err := w.read(m, MaxEntryPoint)
	if err != nil {
		return err
	}
	if w.entryPoints, err = parseEntryPoints(content); err != nil {
		return fmt.Errorf("entry_points.txt: %w", err)
	}
	return nil
}

// parseEntryPoints reads the entry points file of the specification of that
// name: sections of "name = reference" lines, "#" and ";" start comments.
func parseEntryPoints(content []byte) (EntryPoints, error) {
	points := EntryPoints{}
	var group map[string]string
	lines := bufio.NewScanner(bytes.NewReader(content))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[' && line[len(line)-1] == ']':
			name := strings.TrimSpace(line[1 : len(line)-1])
			if points[name] != nil {
				return nil, fmt.Errorf("line %d: group %s occurs twice", number, name)
			}
			group = map[string]string{}
			points[name] = group
		default:
			name, value, ok := strings.Cut(line, "=")
			name, ref := strings.TrimSpace(name), reference.FindStringSubmatch(strings.TrimSpace(value))
			if !ok || group == nil || name == "" || ref == nil {
				return nil, fmt.Errorf("line %d: not an entry point", number)
			}
			if _, taken := group[name]; taken {
				return nil, fmt.Errorf("line %d: %s occurs twice", number, name)
			}
			group[name] = ref[1]
		}
	}
	return points, lines.Err()
}
