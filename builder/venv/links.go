package venv

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Spec says where a virtual environment stands and what it is made from.
type Spec struct {
	Path      string // absolute path of the environment in the image, "/opt/datahub/venvs/mysql-bundled"
	StoreRoot string // absolute path of the store, "/opt/datahub/store"
	Python    Python
}

// maxShebang is the longest first line of a script that Linux reads, in bytes
// (BINPRM_BUF_SIZE less the terminating one).
const maxShebang = 255

// Script is a command that virtual environments have. Prelude is Python that
// runs before the entry point is imported.
type Script struct{ Distribution, Name, Prelude string }

// Scripts are all commands that a virtual environment may have. Wheels declare
// many more; each would be one more program in a locked image.
//
// The DataHub CLI asks the internet after each command whether there is a
// newer release, and no variable stops it (datahub/upgrade/upgrade.py of
// 1.7.0.17). In a locked image the answer could not be acted upon.
var Scripts = []Script{{
	Distribution: "acryl-datahub", Name: "datahub",
	Prelude: "import datahub.upgrade.upgrade\ndatahub.upgrade.upgrade.retrieve_version_stats = lambda *args, **kwargs: None\n",
}}

// Links plans a virtual environment over the given store directories: its
// pyvenv.cfg, its links to the interpreter, the scripts of Scripts, and a
// site-packages of relative links. A directory that one wheel owns is one link.
// A directory that several wheels share is a real one with links inside, its
// __pycache__ included, whether it is a namespace or an overlaid package.
//
// The same path may come from two wheels if bytes and mode are equal; the first
// wheel by name then owns it. Otherwise Links fails with fault.Resolve, once for
// each path, naming both wheels.
func Links(v Spec, sites []*SiteTree) (*Tree, error) {
	if err := v.check(sites); err != nil {
		return nil, err
	}
	sites = slices.Clone(sites)
	sort.Slice(sites, func(i, j int) bool { return sites[i].Name < sites[j].Name })
	root := newNode()
	var problems []error
	for _, s := range sites {
		problems = append(problems, root.addAll(s)...)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	t := &builder{Spec: v}
	t.frame(sites)
	t.dir(path.Join(v.Path, v.Python.SitePackages()), "", root)
	slices.SortFunc(t.entries, func(a, b Entry) int { return comparePaths(a.Path, b.Path) })
	return &Tree{Entries: t.entries}, nil
}

func (v Spec) check(sites []*SiteTree) error {
	if !path.IsAbs(v.Path) || !path.IsAbs(v.StoreRoot) || path.Clean(v.Path) != v.Path || path.Clean(v.StoreRoot) != v.StoreRoot || strings.ContainsAny(v.Path, " \t\n") {
		return fault.New(fault.Manifest, "planning venv %q over store %q: want clean absolute paths without white space", v.Path, v.StoreRoot)
	}
	if len(v.shebang()) > maxShebang {
		return fault.New(fault.Manifest, "planning venv %s: path too long for a script's first line of %d bytes", v.Path, maxShebang)
	}
	names := map[string]string{}
	var problems []error
	for _, s := range sites {
		switch other, taken := names[s.Name]; {
		case taken:
			problems = append(problems, fault.New(fault.Resolve, "planning venv %s: two wheels of %s: %s and %s", v.Path, s.Name, other, s.File))
		case s.Key == "" || strings.Contains(s.Key, "/"):
			problems = append(problems, fault.New(fault.Internal, "planning venv %s: wheel %s has no store key", v.Path, s.File))
		case s.Python != v.Python:
			problems = append(problems, fault.New(fault.Internal, "planning venv %s: wheel %s was placed for Python %s, want %s", v.Path, s.File, s.Python, v.Python))
		}
		names[s.Name] = s.File
	}
	return errors.Join(problems...)
}

func (v Spec) shebang() string { return "#!" + v.Path + "/bin/python -I" }

// builder collects the entries of one virtual environment.
type builder struct {
	Spec
	entries []Entry
}

func (t *builder) add(at string, e Entry) {
	e.Path = strings.TrimPrefix(at, "/")
	t.entries = append(t.entries, e)
}

// frame adds everything but the content of site-packages.
func (t *builder) frame(sites []*SiteTree) {
	for dir := path.Join(t.Path, t.Python.SitePackages()); len(dir) >= len(t.Path); dir = path.Dir(dir) {
		t.add(dir, Entry{Type: Dir, Mode: 0o755})
	}
	bin := t.Path + "/bin"
	t.add(bin, Entry{Type: Dir, Mode: 0o755})
	t.link(bin+"/python", t.Python.Interpreter())
	t.link(bin+"/python3", bin+"/python")
	t.link(bin+"/python"+string(t.Python), bin+"/python")
	t.add(t.Path+"/pyvenv.cfg", Entry{Type: Regular, Mode: 0o644, Content: fmt.Sprintf(
		"home = /usr/bin\ninclude-system-site-packages = false\nversion = %s\n", t.Python)})
	for _, script := range Scripts {
		for _, s := range sites {
			reference := s.EntryPoints["console_scripts"][script.Name]
			if s.Name == script.Distribution && reference != "" {
				t.add(bin+"/"+script.Name, Entry{Type: Regular, Mode: 0o755, Content: t.script(script, reference)})
			}
		}
	}
}

// script is a command's text. The interpreter runs isolated, so that neither
// the environment nor the working directory can change what is imported.
func (t *builder) script(s Script, reference string) string {
	module, attribute, _ := strings.Cut(reference, ":")
	call, _, _ := strings.Cut(attribute, ".")
	return fmt.Sprintf("%s\nimport sys\n%sfrom %s import %s\nif __name__ == \"__main__\":\n    sys.exit(%s())\n", t.shebang(), s.Prelude, module, call, attribute)
}

// dir adds the content of a directory that several wheels share. inside is its
// path below site-packages.
func (t *builder) dir(at, inside string, n *node) {
	compiled := false
	for name, child := range n.children {
		from, below := path.Join(at, name), path.Join(inside, name)
		if child.owner == nil {
			t.add(from, Entry{Type: Dir, Mode: 0o755})
			t.dir(from, below, child)
			continue
		}
		t.link(from, t.stored(child.owner, below))
		if child.file != nil && IsSource(name) {
			compiled = true
			t.link(t.Python.Bytecode(from), t.stored(child.owner, t.Python.Bytecode(below)))
		}
	}
	if compiled {
		t.add(at+"/"+cacheDir, Entry{Type: Dir, Mode: 0o755})
	}
}

func (t *builder) stored(s *SiteTree, file string) string {
	return path.Join(t.StoreRoot, s.Key, file)
}

// link adds a relative link, so that the image can be read from outside.
func (t *builder) link(from, to string) {
	t.add(from, Entry{Type: Link, Mode: 0o777, Target: relative(path.Dir(from), to)})
}

// relative gives the path of an absolute path as seen from an absolute directory.
func relative(dir, to string) string {
	a, b := strings.Split(dir, "/"), strings.Split(to, "/")
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.Repeat("../", len(a)) + strings.Join(b, "/")
}

// node is a file or directory of a merged site-packages.
type node struct {
	owner    *SiteTree        // the only wheel below; nil where there are several
	file     *File            // nil for a directory
	children map[string]*node // of a directory
}

func newNode() *node { return &node{children: map[string]*node{}} }

func (n *node) addAll(s *SiteTree) []error {
	var problems []error
	for i := range s.Files {
		if err := n.addFile(s, &s.Files[i]); err != nil {
			problems = append(problems, err)
		}
	}
	return problems
}

func (n *node) addFile(s *SiteTree, f *File) error {
	at := n
	parts := strings.Split(f.Path, "/")
	for _, part := range parts[:len(parts)-1] {
		child := at.children[part]
		switch {
		case child == nil:
			child = newNode()
			child.owner = s
			at.children[part] = child
		case child.file != nil:
			return conflict(f.Path, child.owner, s, "a file in one, a directory in the other")
		case child.owner != s:
			child.owner = nil
		}
		at = child
	}
	name := parts[len(parts)-1]
	switch other := at.children[name]; {
	case other == nil:
		at.children[name] = &node{owner: s, file: f}
	case other.file == nil:
		return conflict(f.Path, other.anyOwner(), s, "a directory in one, a file in the other")
	case other.file.SHA256 != f.SHA256 || other.file.Mode != f.Mode:
		return conflict(f.Path, other.owner, s, "different content")
	}
	return nil
}

func (n *node) anyOwner() *SiteTree {
	for n.owner == nil {
		first := ""
		for name := range n.children {
			if first == "" || name < first {
				first = name
			}
		}
		n = n.children[first]
	}
	return n.owner
}

func conflict(file string, a, b *SiteTree, why string) error {
	return fault.New(fault.Resolve, "planning venv: %s is in %s and in %s: %s", file, a.File, b.File, why).
		Hint("put the plugins that need them into different venvs")
}

// comparePaths orders paths part by part, so that a directory's content follows
// it at once.
func comparePaths(a, b string) int {
	return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/"))
}
