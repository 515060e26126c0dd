package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/policies"
)

// Bounds of a rule set, which may come from a bundle of someone else's.
const (
	maxModuleBytes = 1 << 20
	maxModules     = 1000
)

// Rule is one rule of a set, as its annotations describe it.
type Rule struct {
	ID          string `json:"id"` // "LF005-setuid"
	Title       string `json:"title"`
	Description string `json:"description"`
	Severity    string `json:"severity"` // critical, high, medium or low
	Fix         string `json:"fix"`
	Package     string `json:"package"` // "data.lockforge.files.setuid"
	// NeedsLock says that the rule compares the image with its lock or SBOM.
	NeedsLock bool `json:"needsLock"`
	// Page is the rule's page in Markdown, "" where the set has none.
	Page string `json:"-"`
}

// Set is a compiled rule set. It is immutable and safe for concurrent use.
type Set struct {
	rules    []Rule
	digest   string
	compiler *ast.Compiler
}

// Rules returns the rules, sorted by ID.
func (s *Set) Rules() []Rule { return append([]Rule(nil), s.rules...) }

// Digest identifies the set: "sha256:<hex>" over the names and bytes of its
// modules, tests and pages left out.
func (s *Set) Digest() string { return s.digest }

// Without returns the set without the rules that drop names, to grade an
// image of which no lock is known. It has a digest of its own.
func (s *Set) Without(drop func(Rule) bool) *Set {
	kept := &Set{compiler: s.compiler}
	names := []string{s.digest + "\n"}
	for _, r := range s.rules {
		if !drop(r) {
			kept.rules = append(kept.rules, r)
			names = append(names, r.ID+"\n")
		}
	}
	kept.digest = digest(names)
	return kept
}

// Embedded returns the rules that lockforge ships.
func Embedded() (*Set, error) { return Load() }

// Load compiles the shipped rules together with those of further file
// systems. Further sources may add packages and never extend or replace one
// of an earlier source, so they cannot weaken a shipped rule. Every problem
// is reported at once, as fault.Policy.
func Load(more ...fs.FS) (*Set, error) {
	return load(append([]fs.FS{policies.Files}, more...))
}

func load(sources []fs.FS) (*Set, error) {
	l := loader{modules: map[string]*ast.Module{}, owner: map[string]int{}, pages: map[string]string{}}
	for i, source := range sources {
		if err := l.read(i, source); err != nil {
			return nil, err
		}
	}
	if len(l.problems) > 0 {
		return nil, errors.Join(l.problems...)
	}
	compiler := ast.NewCompiler().WithCapabilities(capabilities()).WithStrict(true)
	if compiler.Compile(l.modules); compiler.Failed() {
		return nil, fault.Wrap(fault.Policy, compiler.Errors, "compiling rules")
	}
	rules, err := describe(l.modules, l.pages)
	if err != nil {
		return nil, err
	}
	if len(rules) == 0 {
		return nil, fault.New(fault.Policy, "the rule set holds no rule")
	}
	return &Set{rules: rules, digest: digest(l.content), compiler: compiler}, nil
}

// loader gathers the modules of several sources.
type loader struct {
	modules  map[string]*ast.Module
	owner    map[string]int // package -> source that brings it
	pages    map[string]string
	content  []string // one "<sha256>  <name>" line per module
	problems []error
}

func (l *loader) read(source int, files fs.FS) error {
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		ext := path.Ext(name)
		if ext != ".rego" && ext != ".md" || strings.HasSuffix(name, "_test.rego") {
			return nil
		}
		if len(l.modules) == maxModules {
			return fault.New(fault.Policy, "more than %d rule files", maxModules)
		}
		text, err := readFile(files, name)
		if err != nil {
			return fault.Wrap(fault.Policy, err, "reading rule file %s", name)
		}
		if ext == ".md" {
			l.pages[strings.TrimSuffix(path.Base(name), ext)] = string(text)
			return nil
		}
		l.add(source, name, text)
		return nil
	})
	if err != nil && !fault.Is(err, fault.Policy) {
		return fault.Wrap(fault.Policy, err, "reading rules")
	}
	return err
}

func (l *loader) add(source int, name string, text []byte) {
	module, err := ast.ParseModuleWithOpts(name, string(text), ast.ParserOptions{
		ProcessAnnotation: true, RegoVersion: ast.RegoV1, Capabilities: capabilities(),
	})
	if err != nil {
		l.problems = append(l.problems, fault.Wrap(fault.Policy, err, "parsing rule file %s", name))
		return
	}
	pkg := module.Package.Path.String()
	if first, taken := l.owner[pkg]; taken && first != source {
		l.problems = append(l.problems, fault.New(fault.Policy, "rule file %s: package %s belongs to an earlier rule set", name, pkg).
			Hint("choose a package of your own, such as acme.images"))
		return
	}
	l.owner[pkg] = source
	l.modules[fmt.Sprintf("%d/%s", source, name)] = module
	sum := sha256.Sum256(text)
	l.content = append(l.content, fmt.Sprintf("%s  %d/%s\n", hex.EncodeToString(sum[:]), source, name))
}

func readFile(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return limitio.ReadAll(f, maxModuleBytes)
}

// describe turns the packages that carry an id into rules. A package without
// an id is a library and may hold no denial.
func describe(modules map[string]*ast.Module, pages map[string]string) ([]Rule, error) {
	var rules []Rule
	var problems []error
	seen := map[string]string{}
	for _, name := range sortedKeys(modules) {
		module := modules[name]
		rule, isRule := annotated(module)
		if !isRule {
			if defines(module, "deny") {
				problems = append(problems, fault.New(fault.Policy, "rule file %s denies, but its package has no id", name).
					Hint("add a METADATA block with custom.id before the package line"))
			}
			continue
		}
		rule.Page = pages[strings.TrimSuffix(path.Base(name), ".rego")]
		problems = append(problems, incomplete(name, module, rule)...)
		if other, dup := seen[rule.ID]; dup {
			problems = append(problems, fault.New(fault.Policy, "rule id %s is used by %s and %s", rule.ID, other, name))
		}
		seen[rule.ID] = name
		rules = append(rules, rule)
	}
	sort.Slice(rules, func(i, j int) bool { return rules[i].ID < rules[j].ID })
	return rules, errors.Join(problems...)
}

func annotated(module *ast.Module) (Rule, bool) {
	rule := Rule{Package: module.Package.Path.String()}
	for _, a := range module.Annotations {
		if a.Scope != "package" {
			continue
		}
		rule.Title, rule.Description = a.Title, a.Description
		rule.ID, _ = a.Custom["id"].(string)
		rule.Severity, _ = a.Custom["severity"].(string)
		rule.Fix, _ = a.Custom["fix"].(string)
		rule.NeedsLock = a.Custom["needs"] == "lock"
	}
	return rule, rule.ID != ""
}

// incomplete lists what a rule lacks to be evaluated and explained.
func incomplete(name string, module *ast.Module, rule Rule) []error {
	var problems []error
	for _, part := range []string{"ready", "deny"} {
		if !defines(module, part) {
			problems = append(problems, fault.New(fault.Policy, "rule file %s (%s) defines no %q", name, rule.ID, part))
		}
	}
	for _, field := range []struct{ name, value string }{
		{"title", rule.Title}, {"description", rule.Description}, {"custom.fix", rule.Fix},
	} {
		if field.value == "" {
			problems = append(problems, fault.New(fault.Policy, "rule file %s (%s) has no %s", name, rule.ID, field.name))
		}
	}
	switch rule.Severity {
	case "critical", "high", "medium", "low":
	default:
		problems = append(problems, fault.New(fault.Policy, "rule file %s (%s) has severity %q", name, rule.ID, rule.Severity).
			Hint("use critical, high, medium or low"))
	}
	return problems
}

func defines(module *ast.Module, name string) bool {
	for _, rule := range module.Rules {
		if ref := rule.Head.Ref(); len(ref) > 0 && ref[0].Value.Compare(ast.Var(name)) == 0 {
			return true
		}
	}
	return false
}

// forbidden are the functions through which a rule could see anything but its
// input: the network, the environment and the clock.
var forbidden = map[string]bool{
	"http.send": true, "net.lookup_ip_addr": true, "opa.runtime": true,
	"time.now_ns": true, "rand.intn": true, "uuid.rfc4122": true, "rego.parse_module": true,
}

func capabilities() *ast.Capabilities {
	caps := ast.CapabilitiesForThisVersion()
	caps.AllowNet = []string{}
	kept := make([]*ast.Builtin, 0, len(caps.Builtins))
	for _, builtin := range caps.Builtins {
		if !forbidden[builtin.Name] {
			kept = append(kept, builtin)
		}
	}
	caps.Builtins = kept
	return caps
}

func digest(lines []string) string {
	sorted := append([]string(nil), lines...)
	sort.Strings(sorted)
	sum := sha256.Sum256([]byte(strings.Join(sorted, "")))
	return "sha256:" + hex.EncodeToString(sum[:])
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
