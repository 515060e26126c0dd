package deb

import (
	"archive/tar"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Type is the kind of an entry.
type Type byte

const (
	File Type = 'f'
	Dir  Type = 'd'
	Link Type = 'l' // symbolic
)

// Member is one entry of the data archive.
type Member struct {
	Path   string // clean and relative, "usr/bin/python3.13"
	Type   Type
	Mode   int64 // permission bits
	Size   int64 // bytes, of a File
	Target string
}

func checkHeader(h *tar.Header) (Member, error) {
	m := Member{Mode: h.Mode & 0o777, Size: h.Size, Target: h.Linkname}
	refuse := func(why string) (Member, error) {
		return Member{}, fault.New(fault.Integrity, "entry %q: %s", h.Name, why)
	}
	switch h.Typeflag {
	case tar.TypeReg:
		m.Type = File
	case tar.TypeDir:
		m.Type = Dir
	case tar.TypeSymlink:
		m.Type = Link
	default:
		return refuse("neither a file nor a directory nor a symbolic link")
	}
	name := strings.TrimPrefix(h.Name, "./")
	if m.Type == Dir {
		name = strings.TrimSuffix(name, "/")
	}
	if name == "" && m.Type == Dir {
		name = "."
	}
	m.Path = name
	switch {
	case !isPlain(h.Name) || !isPlain(h.Linkname):
		return refuse("control character, or longer than allowed")
	case path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../"):
		return refuse("path is not clean and relative")
	case name == "." && m.Type != Dir:
		return refuse("root is no directory")
	case h.Mode&^0o777 != 0:
		return refuse("setuid, setgid or sticky bit")
	case m.Size < 0 || m.Size > MaxFile || (m.Type != File && m.Size != 0):
		return refuse("size is not acceptable")
	case m.Type == Link && climbs(name, m.Target):
		return refuse("link target leaves the root")
	case m.Type != Link && m.Target != "":
		return refuse("link target without a link")
	}
	for key := range h.PAXRecords {
		switch key {
		case "path", "linkpath", "size", "mtime", "atime", "ctime", "uid", "gid", "uname", "gname":
		default:
			return refuse("extended attribute " + key)
		}
	}
	return m, nil
}

// isPlain refuses what no package of the archive has in a name and terminals
// or line-based formats would trip over.
func isPlain(s string) bool {
	if len(s) > MaxPath {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// climbs reports whether a link's target is empty or names a place above the
// root. An absolute target counts from the root.
func climbs(name, target string) bool {
	if target == "" {
		return true
	}
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(name), target)
	}
	target = path.Clean(target)
	return target == ".." || strings.HasPrefix(target, "../")
}

// checkPlace refuses a path that was seen and one below an entry that is no
// directory. seen grows by the member.
func checkPlace(seen map[string]byte, m Member) error {
	if len(seen) >= MaxEntries {
		return fault.New(fault.Integrity, "more than %d entries", MaxEntries)
	}
	if _, ok := seen[m.Path]; ok {
		return fault.New(fault.Integrity, "entry %q repeated", m.Path)
	}
	for dir := path.Dir(m.Path); dir != "."; dir = path.Dir(dir) {
		if t, ok := seen[dir]; ok && Type(t) != Dir {
			return fault.New(fault.Integrity, "entry %q lies below %q, which is no directory", m.Path, dir)
		}
	}
	seen[m.Path] = byte(m.Type)
	return nil
}
