package rootfs

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

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
	read, err := readPackages(spec.Arch, programs, packages)
	if err != nil {
		return nil, err
	}
	for _, p := range read {
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
	packages []*contents
}

func (b *builder) addPackage(p *contents) error {
	name := p.control.Package
	for _, have := range b.packages {
		if have.control.Package == name {
			return fault.New(fault.Integrity, "package %s comes twice", name)
		}
	}
	b.packages = append(b.packages, p)
	b.dropped = append(b.dropped, p.dropped...)
	for _, entry := range p.entries {
		e := Entry{Entry: entry, Package: name, Part: p.part}
		if e.Type == venv.Regular {
			e.Mode = b.mode(e.Path)
		}
		if old, ok := b.entries[e.Path]; ok {
			if old.Type != e.Type || old.Content != e.Content || old.Target != e.Target {
				return fault.New(fault.Integrity, "path %s differs between packages %s and %s", e.Path, old.Package, name)
			}
			if old.Package < name {
				continue // whatever the order of the packages, the first by name owns it
			}
		}
		b.entries[e.Path] = e
	}
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
