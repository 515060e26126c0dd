package wheel

import (
	"errors"
	"fmt"
	"io/fs"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// File types in the upper half of the external attributes, as stat(2) has them.
const (
	modeType    = 0xf000
	modeRegular = 0x8000
	modeDir     = 0x4000
	modeSpecial = 0o7000 // setuid, setgid, sticky
)

// checkMembers turns archive entries into members, sorted by name, and refuses
// every name that could end up elsewhere, or on top of another.
func checkMembers(entries []*entry) ([]*Member, error) {
	members := make([]*Member, 0, len(entries))
	seen := newNames()
	for _, e := range entries {
		name, isDir := strings.CutSuffix(e.name, "/")
		if err := checkName(name, e.flags&flagUTF8 != 0); err != nil {
			return nil, memberError(e.name, "%w", err)
		}
		mode := e.external >> 16
		if err := checkMode(mode, isDir, e); err != nil {
			return nil, memberError(e.name, "%w", err)
		}
		if err := seen.add(name, isDir); err != nil {
			return nil, memberError(e.name, "%w", err)
		}
		if isDir {
			continue
		}
		members = append(members, &Member{
			Name: name, Size: int64(e.size), Mode: fs.FileMode(mode & 0o777),
			packed: int64(e.packed), header: int64(e.header), data: int64(e.data), method: e.method, crc: e.crc,
		})
	}
	sort.Slice(members, func(i, j int) bool { return members[i].Name < members[j].Name })
	return members, nil
}

// checkName refuses names that are not plain relative paths, or that two
// readers could see as different ones.
func checkName(name string, utf8Flag bool) error {
	switch {
	case name == "":
		return errors.New("empty name")
	case len(name) > MaxPath:
		return fmt.Errorf("name of more than %d bytes", MaxPath)
	case strings.HasPrefix(name, "/") || len(name) > 1 && name[1] == ':':
		return errors.New("absolute name")
	case strings.Contains(name, `\`):
		return errors.New("backslash in the name")
	case !utf8.ValidString(name):
		return errors.New("name is not UTF-8")
	}
	parts := strings.Split(name, "/")
	if len(parts) > MaxPathDepth {
		return fmt.Errorf("name of more than %d parts", MaxPathDepth)
	}
	for _, part := range parts {
		switch {
		case part == "" || part == "." || part == "..":
			return fmt.Errorf("part %q in the name", part)
		case len(part) > MaxPathPart:
			return fmt.Errorf("part of more than %d bytes in the name", MaxPathPart)
		}
	}
	for _, r := range name {
		switch {
		case !unicode.IsPrint(r):
			return fmt.Errorf("control or format character %U in the name", r)
		case unicode.Is(unicode.M, r):
			// A letter and a combining mark can be one character to another reader.
			return fmt.Errorf("combining character %U in the name", r)
		case r >= utf8.RuneSelf && !utf8Flag:
			// Without the flag the name is in code page 437, so readers differ.
			return errors.New("name is not ASCII, and not marked as UTF-8")
		}
	}
	return nil
}

// checkMode refuses everything but regular files and empty directories. Archives
// made on other systems have no mode; whatever the creator field says, tools take
// the upper half as a Unix mode, so it is checked always.
func checkMode(mode uint32, isDir bool, e *entry) error {
	want := uint32(modeRegular)
	if isDir {
		want = modeDir
	}
	switch kind := mode & modeType; {
	case kind != 0 && kind != want:
		return fmt.Errorf("mode %#o: a link, a device, or a type that does not fit the name", mode)
	case mode&modeSpecial != 0:
		return fmt.Errorf("mode %#o: setuid, setgid or sticky", mode)
	case isDir && (e.size != 0 || e.packed > 2): // an empty deflate stream has two bytes
		return errors.New("a directory with content")
	}
	return nil
}

// names finds paths that would end up in the same place, also on file systems
// that ignore case, and files used as directories.
type names struct {
	kind map[string]bool   // path, folded -> is a directory
	full map[string]string // path, folded -> as first spelled
	dirs map[string]bool   // directories with an entry of their own
}

func newNames() *names {
	return &names{kind: map[string]bool{}, full: map[string]string{}, dirs: map[string]bool{}}
}

func (n *names) add(name string, isDir bool) error {
	for i := range name {
		if name[i] == '/' {
			if err := n.put(name[:i], true); err != nil {
				return err
			}
		}
	}
	if isDir {
		if n.dirs[name] {
			return errors.New("listed twice")
		}
		n.dirs[name] = true
		return n.put(name, true)
	}
	if first, taken := n.full[fold(name)]; taken {
		return fmt.Errorf("same place as %q", first)
	}
	return n.put(name, false)
}

func (n *names) put(name string, isDir bool) error {
	key := fold(name)
	first, taken := n.full[key]
	switch {
	case !taken:
		n.full[key], n.kind[key] = name, isDir
	case first != name:
		return fmt.Errorf("differs only in case from %q", first)
	case n.kind[key] != isDir:
		return fmt.Errorf("%q is both a file and a directory", name)
	}
	return nil
}

// fold maps names that differ only in case to the same string.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		// The smallest rune of the orbit of simple case folding stands for all.
		smallest := r
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			smallest = min(smallest, other)
		}
		return smallest
	}, name)
}
