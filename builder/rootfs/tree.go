package rootfs

import (
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// MaxContent bounds the bytes of all kept files together; 38 MiB was measured
// for the base, 70 MiB with every plugin library.
const MaxContent = 1 << 30

// Spec says what tree to make.
type Spec struct {
	Suite    string   // codename, "trixie"
	Arch     string   // "amd64" or "arm64"
	User     int      // uid and gid of the entry "datahub" in passwd and group
	Programs []string // names of allowed commands
}

// Part is one of the two layers the OS is split into, so that a security fix
// of one moves only that one.
type Part string

const (
	OS     Part = "os"
	Python Part = "python" // the interpreter and its standard library
)

// Entry is one file, link or directory of the tree with where it is from:
// Package is "" for what is generated.
type Entry struct {
	venv.Entry
	Package string
	Part    Part
}

// Tree is the OS part of an image, complete: entries sorted by path, no
// directory without a listed entry but the mount points.
type Tree struct {
	Entries []Entry
	Dropped []Drop
}

// Build computes the tree of a set of packages. Packages that don't agree on a
// path, that lack a library one of their ELF files asks for, or that belong to
// another architecture are fault.Integrity; an unknown suite, architecture or
// program is fault.Usage.
func Build(spec Spec, packages []*deb.Archive) (*Tree, error) {
	suite, ok := FindSuite(spec.Suite)
	if !ok {
		return nil, fault.New(fault.Usage, "suite %q is not supported", spec.Suite)
	}
	machine, ok := machines[spec.Arch]
	if !ok {
		return nil, fault.New(fault.Usage, "architecture %q is not supported", spec.Arch)
	}
	programs, err := programFiles(spec.Programs)
	if err != nil {
		return nil, err
	}
	b := &builder{spec: spec, suite: suite, machine: machine, programs: programs, entries: map[string]Entry{}}
	for _, p := range packages {
		if err := b.addPackage(p); err != nil {
			return nil, err
		}
	}
	b.addGenerated()
	b.dropDangling()
	if err := b.checkPlaces(); err != nil {
		return nil, err
	}
	if err := b.addLoaderCache(); err != nil {
		return nil, err
	}
	b.addStatus()
	return b.tree(), nil
}

// builder collects the tree.
type builder struct {
	spec     Spec
	suite    Suite
	machine  machine
	programs []string
	entries  map[string]Entry // without directories, but for the generated ones
	dropped  []Drop
	packages []*packageInfo
	content  int64 // bytes so far
}

// packageInfo is what the status files are made from.
type packageInfo struct {
	control *deb.Control
	part    Part
}

func (b *builder) addPackage(archive *deb.Archive) error {
	control, err := archive.Control()
	if err != nil {
		return err
	}
	if control.Arch != b.spec.Arch && control.Arch != "all" {
		return fault.New(fault.Integrity, "package %s is for %s, not %s", control.Package, control.Arch, b.spec.Arch)
	}
	if !isPackageName(control.Package) {
		return fault.New(fault.Integrity, "package name %q is not valid", control.Package)
	}
	for _, have := range b.packages {
		if have.control.Package == control.Package {
			return fault.New(fault.Integrity, "package %s comes twice", control.Package)
		}
	}
	info := &packageInfo{control: control, part: partOf(control.Package)}
	b.packages = append(b.packages, info)
	err = archive.Walk(func(m deb.Member, r io.Reader) error {
		if m.Type == deb.Dir {
			return nil // directories follow from what they hold
		}
		return b.addMember(info, m, r)
	})
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "reading package %s", control.Package)
	}
	return nil
}

// isPackageName follows Debian policy, section 5.6.7. The name becomes a file
// name.
func isPackageName(s string) bool {
	return len(s) >= 2 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == "" && s[0] != '.' && s[0] != '-' && s[0] != '+'
}

func partOf(name string) Part {
	if strings.HasPrefix(name, "python3.") || strings.HasPrefix(name, "libpython3.") {
		return Python
	}
	return OS
}

func (b *builder) addMember(info *packageInfo, m deb.Member, r io.Reader) error {
	name := mergeUsr(m.Path)
	if rule := decide(name, b.programs); rule != "" {
		b.dropped = append(b.dropped, Drop{Package: info.control.Package, Path: name, Rule: rule})
		return nil
	}
	e := Entry{Package: info.control.Package, Part: info.part}
	e.Path = name
	switch m.Type {
	case deb.Link:
		e.Type, e.Mode, e.Target = venv.Link, 0o777, m.Target
	default:
		b.content += m.Size
		if b.content > MaxContent {
			return fault.New(fault.Integrity, "files have more than %d bytes together", int64(MaxContent))
		}
		content, err := io.ReadAll(r)
		if err != nil {
			return fault.Wrap(fault.Integrity, err, "reading %s", m.Path)
		}
		e.Type, e.Mode, e.Content = venv.Regular, b.mode(name), string(content)
	}
	if old, ok := b.entries[name]; ok && (old.Type != e.Type || old.Content != e.Content || old.Target != e.Target) {
		return fault.New(fault.Integrity, "path %s differs between packages %s and %s", name, old.Package, e.Package)
	}
	b.entries[name] = e
	return nil
}

// mode is executable for the interpreter, the loader (the kernel asks for the
// bit) and allowed programs. Everything else that a package marks executable,
// scripts of the standard library among it, is data here.
func (b *builder) mode(name string) fs.FileMode {
	if match("usr/bin/*", name) || path.Base(name) == b.machine.loader || slices.ContainsFunc(b.programs, func(p string) bool { return match(p, name) }) {
		return 0o755
	}
	return 0o644
}

// mergedDirs are the top-level directories that a merged /usr replaces by links.
var mergedDirs = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// mergeUsr gives a path its place below /usr. Link targets stay as they are:
// through the top-level links they lead to the same files.
func mergeUsr(name string) string {
	top, _, below := strings.Cut(name, "/")
	if below && slices.Contains(mergedDirs, top) {
		return "usr/" + name
	}
	return name
}

func (b *builder) tree() *Tree {
	t := &Tree{Dropped: b.dropped}
	for _, name := range slices.Sorted(maps.Keys(b.entries)) {
		t.Entries = append(t.Entries, b.entries[name])
	}
	slices.SortFunc(t.Dropped, func(x, y Drop) int {
		return strings.Compare(x.Path+"\x00"+x.Package, y.Path+"\x00"+y.Package)
	})
	return t
}

// Of returns the entries of one part and every directory above them, each
// directory before what it holds. Directories are the only paths that both
// parts can have.
func (t *Tree) Of(part Part) []venv.Entry {
	byPath := map[string]venv.Entry{}
	for _, e := range t.Entries {
		if e.Part != part {
			continue
		}
		byPath[e.Path] = e.Entry
		for dir := path.Dir(e.Path); dir != "."; dir = path.Dir(dir) {
			if _, ok := byPath[dir]; !ok {
				byPath[dir] = venv.Entry{Path: dir, Type: venv.Dir, Mode: 0o755}
			}
		}
	}
	var entries []venv.Entry
	for _, name := range slices.Sorted(maps.Keys(byPath)) {
		entries = append(entries, byPath[name])
	}
	return entries
}
