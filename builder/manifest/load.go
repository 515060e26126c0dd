package manifest

import (
	"bytes"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"unicode/utf8"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// maxFile bounds a manifest and a constraints file, in bytes each.
const maxFile = 1 << 20

// assignment tells an env file from YAML: it starts with KEY=VALUE.
var assignment = regexp.MustCompile(`^(?:export[ \t]+)?[A-Za-z_][A-Za-z0-9_]*=`)

// Load reads, checks and completes a manifest. Its form is told by content: a
// file whose first line other than blank lines and comments is an assignment
// is an env file, any other is YAML. Further variables (BuildArgs) override
// those of an env file; with the YAML form they are fault.Usage.
//
// Every problem is reported at once, joined, as fault.Manifest with its place.
func Load(fsys fs.FS, path string, more ...Variable) (*Manifest, error) {
	data, err := readFile(fsys, path)
	if err != nil {
		return nil, err
	}
	if isEnvFile(data) {
		var p problems
		variables := parseEnvFile(data, path, &p)
		m := assemble(append(variables, more...), path, &p)
		return finish(m, fsys, &p)
	}
	if len(more) > 0 {
		return nil, fault.New(fault.Usage, "reading manifest %s: upstream's variables cannot be combined with the YAML form", path).
			Hint("change the manifest instead of giving %s", more[0].Key)
	}
	var p problems
	m := decodeYAML(data, path, &p)
	return finish(m, fsys, &p)
}

// finish checks a decoded manifest and reads the files it names.
func finish(m *Manifest, fsys fs.FS, p *problems) (*Manifest, error) {
	if m != nil {
		m.complete()
		m.validate(p)
		m.readConstraints(fsys, p)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	slices.Sort(m.Platforms) // after validation, whose places count items as written
	return m, nil
}

// readFile reads a bounded text file: UTF-8 without control characters.
func readFile(fsys fs.FS, path string) ([]byte, error) {
	f, err := fsys.Open(path)
	if err != nil {
		return nil, fault.Wrap(fault.Manifest, err, "opening manifest %s", path).
			Hint("`lockforge init` writes a manifest to start from")
	}
	defer f.Close()
	data, err := limitio.ReadAll(f, maxFile)
	if err != nil {
		return nil, fault.Wrap(fault.Manifest, err, "reading manifest %s", path)
	}
	if at, ok := firstBadByte(data); ok {
		at.File = path
		return nil, fault.New(fault.Manifest, "reading manifest %s: a byte that is no text", path).At(at).
			Hint("a manifest is UTF-8 text without control characters")
	}
	return data, nil
}

// firstBadByte finds what has no place in a text file: control characters
// and bytes that aren't UTF-8.
func firstBadByte(data []byte) (fault.Pos, bool) {
	line, column := 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		column++
		switch {
		case r == '\n':
			line, column = line+1, 0
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\t' && r != '\r', r >= 0x7f && r <= 0x9f:
			return fault.Pos{Line: line, Column: column}, true
		}
		i += size
	}
	return fault.Pos{}, false
}

func isEnvFile(data []byte) bool {
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\ufeff"))) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			return assignment.Match(line)
		}
	}
	return false
}

// Disk opens files by the operating system's own paths, absolute or relative
// to the working directory, which fs.FS as such does not allow.
type Disk struct{}

// Open opens the named file for reading.
func (Disk) Open(name string) (fs.File, error) { return os.Open(name) }
