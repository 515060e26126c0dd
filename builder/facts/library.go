package facts

import (
	"path"
	"slices"
	"strings"
)

// loader finds shared libraries as ld.so(8) does.
type loader struct {
	tree   *tree
	elf    map[string]*ELF // by path
	config []string        // directories of /etc/ld.so.conf and what it includes
}

func newLoader(t *tree, elves []ELF, texts map[string]text) *loader {
	l := &loader{tree: t, elf: map[string]*ELF{}}
	for n := range elves {
		e := &elves[n]
		if at := t.get(e.Path); at != nil && at.Layer == e.Layer {
			l.elf[e.Path] = e
		}
	}
	l.config = l.configured(texts)
	return l
}

// configured reads /etc/ld.so.conf. Its only include that is in use names
// ld.so.conf.d/*.conf; these files are read in the order of their names.
func (l *loader) configured(texts map[string]text) []string {
	var files []string
	for p := range texts {
		if p == "etc/ld.so.conf" || strings.HasPrefix(p, "etc/ld.so.conf.d/") && strings.HasSuffix(p, ".conf") {
			files = append(files, p)
		}
	}
	slices.Sort(files)
	var dirs []string
	for _, f := range files {
		for line := range strings.SplitSeq(string(texts[f].content), "\n") {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "/") {
				dirs = append(dirs, strings.TrimPrefix(path.Clean(line), "/"))
			}
		}
	}
	return dirs
}

// multiarch are the directories that Debian's loader adds for a machine.
var multiarch = map[uint16]string{3: "i386-linux-gnu", 62: "x86_64-linux-gnu", 183: "aarch64-linux-gnu", 40: "arm-linux-gnueabihf", 22: "s390x-linux-gnu", 21: "powerpc64le-linux-gnu"}

func (l *loader) defaults(machine uint16) []string {
	dirs := slices.Clone(l.config)
	if m := multiarch[machine]; m != "" {
		dirs = append(dirs, "lib/"+m, "usr/lib/"+m)
	}
	return append(dirs, "lib64", "usr/lib64", "lib", "usr/lib")
}

// unresolved lists what of e.Needed is nowhere to be found.
func (l *loader) unresolved(e *ELF) []string {
	var missing []string
	search := append(l.own(e), l.defaults(e.Machine)...)
	for _, name := range e.Needed {
		if !l.has(e, search, name) {
			missing = append(missing, name)
		}
	}
	return missing
}

// own are the directories that the file itself names; DT_RPATH counts only
// where there is no DT_RUNPATH.
func (l *loader) own(e *ELF) []string {
	list := e.RunPath
	if len(list) == 0 {
		list = e.RPath
	}
	var dirs []string
	for _, d := range list {
		d = strings.NewReplacer("${ORIGIN}", "$ORIGIN").Replace(d)
		if rest, ok := strings.CutPrefix(d, "$ORIGIN"); ok {
			dirs = append(dirs, path.Dir(e.Path)+rest)
		} else if strings.HasPrefix(d, "/") {
			dirs = append(dirs, strings.TrimLeft(d, "/"))
		}
	}
	return dirs
}

func (l *loader) has(e *ELF, dirs []string, name string) bool {
	if strings.HasPrefix(name, "/") {
		return l.fits(e, strings.TrimLeft(name, "/"))
	}
	return slices.ContainsFunc(dirs, func(dir string) bool { return l.fits(e, dir+"/"+name) })
}

// fits reports whether a path leads to a library for the same machine.
func (l *loader) fits(e *ELF, p string) bool {
	real, _ := l.tree.resolve(p)
	lib := l.elf[real]
	return lib != nil && lib.Machine == e.Machine && lib.Class == e.Class
}
