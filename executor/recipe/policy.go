package recipe

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"gopkg.in/yaml.v3"

	"github.com/lockforge/lockforge/internal/lazyregexp"
)

// maxPolicyBytes bounds a policy file.
const maxPolicyBytes = 1 << 20

// Policy says which recipes may run. Where a list does not hold a name, the
// name is refused.
type Policy struct {
	MaxBytes       int      `yaml:"maxBytes"` // of the canonical form
	Sinks          []string `yaml:"sinks"`
	Transformers   []string `yaml:"transformers"`
	Reporters      []string `yaml:"reporters"`
	StateProviders []string `yaml:"stateProviders"`
	Imports        []string `yaml:"imports"` // Python paths
	Servers        []string `yaml:"servers"` // empty: any
	Paths          Paths    `yaml:"paths"`
}

// Paths says which files a recipe may name.
type Paths struct {
	Allow   []string `yaml:"allow"`   // directories, absolute
	Deny    []string `yaml:"deny"`    // directories, absolute
	Schemes []string `yaml:"schemes"` // of URLs
	Keys    []string `yaml:"keys"`    // whose values are paths, in the form of path.Match
}

//go:embed default.yaml
var defaultPolicy []byte

// DefaultPolicy returns the policy that holds where no file is given.
func DefaultPolicy() (*Policy, error) {
	p := new(Policy)
	return p, p.read(defaultPolicy)
}

// LoadPolicy reads a policy file of at most 1 MiB. Unknown keys are errors; a
// key that is left out has the default's value. All problems are reported.
func LoadPolicy(file string) (*Policy, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("opening recipe policy: %w", err)
	}
	defer f.Close()
	source, err := readAll(f, maxPolicyBytes)
	if err != nil {
		return nil, fmt.Errorf("reading recipe policy %s: %w", file, err)
	}
	p, err := DefaultPolicy()
	if err != nil {
		return nil, err
	}
	if err := p.read(source); err != nil {
		return nil, fmt.Errorf("reading recipe policy %s: %w", file, err)
	}
	return p, nil
}

// read puts the keys of a YAML document over those that p has.
func (p *Policy) read(source []byte) error {
	var again any
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(p); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := decoder.Decode(&again); !errors.Is(err, io.EOF) {
		return errors.New("more than one document")
	}
	return p.check()
}

// typeName is the form of a registered name. Python paths have dots or colons.
var typeName = lazyregexp.New(`^[a-z0-9][a-z0-9_-]{0,63}$`)

var (
	pythonPath = lazyregexp.New(`^[A-Za-z_]\w*([.:][A-Za-z_]\w*)+$`)
	urlScheme  = lazyregexp.New(`^[a-z][a-z0-9+-]*$`)
)

// check reports what in a policy could never match, or would match anything.
func (p *Policy) check() error {
	var found []error
	all := func(key string, entries []string, ok func(string) bool, want string) {
		for _, e := range entries {
			if !ok(e) {
				found = append(found, fmt.Errorf("%s: %q is no %s", key, e, want))
			}
		}
	}
	all("sinks", p.Sinks, typeName.MatchString, "registered name")
	all("transformers", p.Transformers, typeName.MatchString, "registered name")
	all("reporters", p.Reporters, typeName.MatchString, "registered name")
	all("stateProviders", p.StateProviders, typeName.MatchString, "registered name")
	all("imports", p.Imports, pythonPath.MatchString, "Python path")
	all("servers", p.Servers, func(s string) bool { return s != "" }, "address")
	all("paths.allow", p.Paths.Allow, cleanDirectory, "clean absolute directory")
	all("paths.deny", p.Paths.Deny, cleanDirectory, "clean absolute directory")
	all("paths.schemes", p.Paths.Schemes, func(s string) bool { return urlScheme.MatchString(s) && s != "file" }, "scheme of a remote URL")
	all("paths.keys", p.Paths.Keys, func(s string) bool { _, err := path.Match(s, ""); return err == nil && s != "" }, "pattern")
	if p.MaxBytes < 1 || p.MaxBytes > MaxBytes {
		found = append(found, fmt.Errorf("maxBytes: %d is not within 1 and %d", p.MaxBytes, MaxBytes))
	}
	return errors.Join(found...)
}

func cleanDirectory(s string) bool { return path.IsAbs(s) && path.Clean(s) == s && s != "/" }
