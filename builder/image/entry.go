package image

import (
	"archive/tar"
	"fmt"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lockforge/lockforge/builder/fault"
)

// Type is the type of a layer's entry.
type Type string

// Types of entries. There are no others: sockets are not in tar archives, and
// what a tar reader does not know is an error.
const (
	File     Type = "file"
	Dir      Type = "dir"
	Symlink  Type = "symlink"
	Hardlink Type = "hardlink"
	Whiteout Type = "whiteout" // removes Path from the layers below
	Opaque   Type = "opaque"   // removes everything below directory Path from the layers below

	CharDevice  Type = "character device"
	BlockDevice Type = "block device"
	Pipe        Type = "pipe"
)

// Special tells devices and pipes: nothing that a locked image has, or that
// anybody here makes. They are entries so that they can be reported.
func (t Type) Special() bool { return t == CharDevice || t == BlockDevice || t == Pipe }

// Entry is one entry of a layer. Path is relative to the image's root, clean,
// without leading or trailing slash; the root itself is ".".
type Entry struct {
	Path    string
	Type    Type
	Mode    uint32 // permission bits with setuid 04000, setgid 02000 and sticky 01000
	UID     int
	GID     int
	Size    int64 // bytes, of files
	ModTime time.Time
	Link    string            // target of a link; of a hardlink, clean like Path
	Device  string            // of devices: "major:minor". Overlays take a character device 0:0 for a whiteout.
	Xattrs  map[string]string // by name; values are raw bytes
}

const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
	paxXattr       = "SCHILY.xattr."
	paxSparse      = "GNU.sparse."
)

// newEntry checks one tar header. It knows nothing of the other entries.
func newEntry(h *tar.Header) (Entry, error) {
	name, err := cleanPath(h.Name)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Path: name, Mode: uint32(h.Mode) & 0o7777, UID: h.Uid, GID: h.Gid, ModTime: h.ModTime.UTC()}
	if h.Uid < 0 || h.Gid < 0 {
		return Entry{}, fault.New(fault.Integrity, "entry %q: owner %d:%d", name, h.Uid, h.Gid)
	}
	if err := e.setType(h); err != nil {
		return Entry{}, fault.Wrap(fault.Integrity, err, "entry %q", name)
	}
	if e.Size < 0 || e.Size > MaxFileSize {
		return Entry{}, fault.New(fault.Integrity, "entry %q: size %d, at most %d is read", name, e.Size, int64(MaxFileSize))
	}
	e.Xattrs, err = xattrs(name, h.PAXRecords)
	return e.asWhiteout(), err
}

// setType reads what a header says besides path, owner, mode and times.
func (e *Entry) setType(h *tar.Header) (err error) {
	switch h.Typeflag {
	case tar.TypeReg:
		e.Type, e.Size = File, h.Size
	case tar.TypeDir:
		e.Type = Dir
	case tar.TypeSymlink:
		e.Type, e.Link = Symlink, h.Linkname
		err = checkSymlink(e.Path, h.Linkname)
	case tar.TypeLink:
		e.Type = Hardlink
		e.Link, err = cleanPath(h.Linkname)
	case tar.TypeChar:
		e.Type, e.Device = CharDevice, device(h)
	case tar.TypeBlock:
		e.Type, e.Device = BlockDevice, device(h)
	case tar.TypeFifo:
		e.Type = Pipe
	default:
		err = fault.New(fault.Integrity, "tar type %q is not accepted", h.Typeflag)
	}
	return err
}

func device(h *tar.Header) string { return fmt.Sprintf("%d:%d", h.Devmajor, h.Devminor) }

func (e Entry) asWhiteout() Entry {
	dir, base := path.Split(e.Path)
	switch {
	case base == opaqueName:
		e.Type, e.Path = Opaque, path.Clean(dir)
	case strings.HasPrefix(base, whiteoutPrefix):
		e.Type, e.Path = Whiteout, dir+strings.TrimPrefix(base, whiteoutPrefix)
	}
	return e
}

// cleanPath accepts "a/b", "./a/b" and "a/b/", and refuses every other
// spelling, so that two names are equal exactly when they are the same file.
func cleanPath(name string) (string, error) {
	if len(name) > MaxPathLength {
		return "", fault.New(fault.Integrity, "entry %.64q...: its path has %d bytes, at most %d are read", name, len(name), MaxPathLength)
	}
	p := strings.TrimSuffix(strings.TrimPrefix(name, "./"), "/")
	if p == "" && name != "" && name != "/" {
		p = "."
	}
	if p == "" || path.IsAbs(p) || path.Clean(p) != p || p == ".." || strings.HasPrefix(p, "../") {
		return "", fault.New(fault.Integrity, "entry %q: not a clean path below the image's root", name)
	}
	if !utf8.ValidString(p) || strings.IndexFunc(p, isControl) >= 0 {
		return "", fault.New(fault.Integrity, "entry %q: control characters or invalid UTF-8 in its path", name)
	}
	for part := range strings.SplitSeq(p, "/") {
		if len(part) > MaxNameLength {
			return "", fault.New(fault.Integrity, "entry %.64q...: a name of %d bytes, at most %d are read", name, len(part), MaxNameLength)
		}
		if part == whiteoutPrefix {
			return "", fault.New(fault.Integrity, "entry %q: a whiteout of nothing", name)
		}
	}
	return p, nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// checkSymlink refuses targets that climb above the image's root. The kernel
// would stop at the root; programs that unpack layers elsewhere would not.
func checkSymlink(name, target string) error {
	if target == "" || len(target) > MaxPathLength || !utf8.ValidString(target) || strings.IndexFunc(target, isControl) >= 0 {
		return fault.New(fault.Integrity, "its target %.64q is empty, too long or not printable", target)
	}
	depth := strings.Count(name, "/")
	if path.IsAbs(target) {
		depth = 0
	}
	for part := range strings.SplitSeq(target, "/") {
		switch part {
		case "", ".":
		case "..":
			depth--
		default:
			depth++
		}
		if depth < 0 {
			return fault.New(fault.Integrity, "its target %q leaves the image", target)
		}
	}
	return nil
}

func xattrs(name string, records map[string]string) (map[string]string, error) {
	var found map[string]string
	total := 0
	for k, v := range records {
		if strings.HasPrefix(k, paxSparse) {
			return nil, fault.New(fault.Integrity, "entry %q: sparse files are not accepted", name)
		}
		attr, ok := strings.CutPrefix(k, paxXattr)
		if !ok {
			continue
		}
		if total += len(attr) + len(v); total > MaxXattrBytes {
			return nil, fault.New(fault.Integrity, "entry %q: extended attributes of more than %d bytes", name, MaxXattrBytes)
		}
		if found == nil {
			found = map[string]string{}
		}
		found[attr] = v
	}
	return found, nil
}
