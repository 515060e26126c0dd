package pypi

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
)

// resolved is one package of uv's answer.
type resolved struct {
	name    string // normalised
	version pep440.Version
	sha256  string   // hex
	via     []string // names of the packages that require it
	root    bool     // asked for by the requirements themselves
}

var (
	pinLine  = regexp.MustCompile(`^([a-z0-9]+(?:-[a-z0-9]+)*)==([^\s;\\]+)( \\)?$`)
	hashLine = regexp.MustCompile(`^    --hash=sha256:([0-9a-f]{64})( \\)?$`)
	viaLine  = regexp.MustCompile(`^    # via(?: (\S.*))?$`)
	viaMore  = regexp.MustCompile(`^    #   (\S.*)$`)
)

// parseOutput reads the requirements format with hashes and split annotations.
// Every line must be of a known form, every package must have exactly one hash:
// the router offers one file per version.
func parseOutput(text string) ([]resolved, error) {
	var all []resolved
	for n, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		if line == "" && n == 0 && len(text) <= 1 {
			return nil, nil
		}
		if m := pinLine.FindStringSubmatch(line); m != nil {
			version, err := pep440.Parse(m[2])
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			all = append(all, resolved{name: m[1], version: version})
			continue
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d: %q before any package", n+1, line)
		}
		last := &all[len(all)-1]
		if m := hashLine.FindStringSubmatch(line); m != nil {
			if last.sha256 != "" {
				return nil, fmt.Errorf("line %d: %s has two hashes", n+1, last.name)
			}
			last.sha256 = m[1]
		} else if m := viaLine.FindStringSubmatch(line); m != nil {
			last.addVia(m[1])
		} else if m := viaMore.FindStringSubmatch(line); m != nil {
			last.addVia(m[1])
		} else {
			return nil, fmt.Errorf("line %d: %q is of no known form", n+1, line)
		}
	}
	for _, p := range all {
		if p.sha256 == "" {
			return nil, fmt.Errorf("%s has no hash", p.name)
		}
	}
	return all, nil
}

// addVia takes one requirer: a package, "-r FILE" for the requirements, or
// "-c FILE" for constraints, which require nothing.
func (p *resolved) addVia(what string) {
	switch {
	case what == "" || strings.HasPrefix(what, "-c "):
	case strings.HasPrefix(what, "-r "):
		p.root = true
	default:
		p.via = append(p.via, what)
	}
}
