package manifest

import (
	"io/fs"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

// readConstraints fills CLI.ConstraintLines from the named file.
func (m *Manifest) readConstraints(fsys fs.FS, p *problems) {
	if m.CLI.Constraints == "" {
		return
	}
	v := &validator{m: m, p: p}
	if !v.relativePath("cli.constraints", m.CLI.Constraints) {
		return
	}
	name := path.Join(path.Dir(m.Path), m.CLI.Constraints)
	data, err := readConstraintsFile(fsys, name)
	if err != nil {
		p.list = append(p.list, fault.Wrap(fault.Manifest, err, "reading constraints %s", name).At(m.Pos("cli.constraints")))
		return
	}
	m.CLI.ConstraintLines = parseConstraints(string(data), name, p)
}

func readConstraintsFile(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := limitio.ReadAll(f, maxFile)
	if err != nil {
		return nil, err
	}
	if at, bad := firstBadByte(data); bad {
		at.File = name
		return nil, fault.New(fault.Manifest, "a byte that is no text").At(at)
	}
	return data, nil
}

// parseConstraints reads one PEP 508 requirement a line; "#" after a space or
// at the start of a line begins a comment. Options, addresses and extras,
// which pip refuses in constraints too, are problems.
func parseConstraints(text, name string, p *problems) []Constraint {
	var found []Constraint
	for i, line := range strings.Split(text, "\n") {
		content := stripComment(line)
		rest := strings.TrimSpace(content)
		if rest == "" {
			continue
		}
		start := content[strings.Index(content, rest):]
		at := fault.Pos{File: name, Line: i + 1, Column: column(content, start)}
		r, err := pep508.Parse(rest)
		switch {
		case strings.HasPrefix(rest, "-") || strings.Contains(rest, " --") || strings.HasSuffix(rest, `\`):
			p.add(at, "keep requirements only, one a line; the lock has the hashes", "a constraint must not hold options: %s", quote(rest))
		case err != nil:
			p.add(at, "write a requirement such as urllib3>=2.5", "%s is no PEP 508 requirement", quote(rest))
		case r.URL != "":
			p.add(at, "constrain by version", "the constraint on %s names an address", r.Name)
		case len(r.Extras) > 0:
			p.add(at, "leave the brackets out", "the constraint on %s has extras", r.Name)
		case r.Specifier == "":
			p.add(at, "add a version clause, or remove the line", "the constraint on %s constrains nothing", r.Name)
		default:
			found = append(found, Constraint{Requirement: rest, Pos: at})
		}
	}
	return found
}

func stripComment(line string) string {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') {
			return line[:i]
		}
	}
	return line
}
