package rootfs

import (
	"debug/elf"
	"errors"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// machine is what differs between architectures.
type machine struct {
	triplet string
	loader  string      // base name of the dynamic loader
	elf     elf.Machine // of every ELF file
	flags   uint32      // of a loader cache entry: glibc 6 ABI and architecture (sysdeps, ldconfig.h)
}

var machines = map[string]machine{
	"amd64": {triplet: "x86_64-linux-gnu", loader: "ld-linux-x86-64.so.2", elf: elf.EM_X86_64, flags: 0x0303},
	"arm64": {triplet: "aarch64-linux-gnu", loader: "ld-linux-aarch64.so.1", elf: elf.EM_AARCH64, flags: 0x0a03},
}

// libraryDirs are the directories that the loader searches by itself.
func (m machine) libraryDirs() []string {
	return []string{"usr/lib/" + m.triplet, "usr/lib", "usr/lib64"}
}

// object is what the loader reads of an ELF file.
type object struct {
	soname  string
	needed  []string
	runpath []string
}

// readObject reads the dynamic section, or returns nil for a file that is no
// ELF file.
func readObject(content string, want elf.Machine) (*object, error) {
	if !strings.HasPrefix(content, elf.ELFMAG) {
		return nil, nil
	}
	f, err := elf.NewFile(strings.NewReader(content))
	if err != nil {
		return nil, err
	}
	if f.Machine != want || f.Class != elf.ELFCLASS64 {
		return nil, errors.New("made for " + f.Machine.String())
	}
	o := &object{}
	if o.needed, err = f.ImportedLibraries(); err != nil {
		return nil, err
	}
	for _, tag := range []elf.DynTag{elf.DT_RUNPATH, elf.DT_RPATH} {
		values, err := f.DynString(tag)
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			o.runpath = append(o.runpath, strings.Split(v, ":")...)
		}
	}
	sonames, err := f.DynString(elf.DT_SONAME)
	if err != nil {
		return nil, err
	}
	if len(sonames) > 0 {
		o.soname = sonames[0]
	}
	return o, nil
}

// readObjects reads every ELF file of the tree and checks that each library
// one of them asks for is there: dependencies between packages were cut by
// name, and this shows a cut too many. All missing ones are reported at once.
func (b *builder) readObjects() (map[string]*object, error) {
	objects := map[string]*object{}
	for name, e := range b.entries {
		if e.Type != venv.Regular {
			continue
		}
		o, err := readObject(e.Content, b.machine.elf)
		if err != nil {
			return nil, fault.Wrap(fault.Integrity, err, "reading ELF file %s", name)
		}
		if o != nil {
			objects[name] = o
		}
	}
	dirs := b.directories()
	var missing []string
	for name, o := range objects {
		for _, library := range o.needed {
			if !b.finds(dirs, name, o, library) {
				missing = append(missing, name+" needs "+library)
			}
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, fault.New(fault.Integrity, "shared libraries are missing: %s", strings.Join(missing, ", ")).
			Hint("a package that ships them is excluded, or not locked")
	}
	return objects, nil
}

func (b *builder) finds(dirs map[string]bool, name string, o *object, library string) bool {
	places := b.machine.libraryDirs()
	for _, p := range o.runpath {
		p = strings.ReplaceAll(strings.ReplaceAll(p, "${ORIGIN}", "$ORIGIN"), "$ORIGIN", "/"+path.Dir(name))
		places = append(places, strings.TrimPrefix(path.Clean(p), "/"))
	}
	for _, place := range places {
		if found, ok := b.resolve(dirs, place+"/"+library); ok && b.entries[found].Type == venv.Regular {
			return true
		}
	}
	return false
}
