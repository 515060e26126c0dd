package container

import (
	"context"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// Limits on what an image may make its reader write, beside those of package
// image on each layer.
const (
	MaxBytes   = 16 << 30  // bytes of all files of all layers
	MaxEntries = 2_000_000 // entries of all layers
	MaxLook    = 2 << 20   // bytes of a file that is only looked up: more than any lookup reads
)

// unpacker writes layers over each other.
type unpacker struct {
	root    string
	bytes   int64
	entries int
	written map[string]bool // paths that the layer at hand has written, parents included
	venvs   []string        // directories that had a pyvenv.cfg, absolute in the image
	pythons []string        // files that were called like an interpreter
	look    bool            // only to look things up: see Look
	special map[string]bool // devices and pipes, which are not made: the kernel of this machine would serve them
}

// unpack writes the root filesystem of p below root, an empty directory, with
// owners, modes, times and file capabilities. Nothing is written outside of
// root, whatever the layers' links say.
func (u *unpacker) unpack(ctx context.Context, p *image.Platform, root string) error {
	u.root, u.special = root, map[string]bool{}
	for _, l := range p.Layers() {
		u.written = map[string]bool{}
		if err := p.WalkLayer(ctx, l, u.entry); err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacker) entry(_ image.Layer, e image.Entry, r io.Reader) error {
	if u.entries++; u.entries > MaxEntries {
		return fault.New(fault.Integrity, "unpacking the image: more than %d entries", MaxEntries)
	}
	if u.bytes += e.Size; u.bytes > MaxBytes {
		return fault.New(fault.Integrity, "unpacking the image: more than %d bytes", int64(MaxBytes))
	}
	u.noticed(e.Path)
	if err := u.write(e, r); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "unpacking %q", e.Path)
	}
	for p := e.Path; e.Type != image.Whiteout && p != "."; p = path.Dir(p) {
		u.written[p] = true
	}
	return nil
}

// noticed remembers where Python may be.
func (u *unpacker) noticed(p string) {
	dir, base := path.Split(p)
	switch {
	case base == "pyvenv.cfg":
		u.venvs = append(u.venvs, "/"+path.Clean(dir))
	case strings.HasSuffix(dir, "bin/") && interpreter.MatchString(base):
		u.pythons = append(u.pythons, "/"+p)
	}
}

func (u *unpacker) write(e image.Entry, r io.Reader) error {
	if e.Path == "." {
		return u.finish(u.root, e)
	}
	if e.Type == image.Opaque {
		return u.clear(e.Path)
	}
	at, err := u.place(e.Path, true)
	if err != nil {
		return err
	}
	if e.Type == image.Dir {
		if info, err := os.Lstat(at); err != nil || !info.IsDir() {
			if err := os.RemoveAll(at); err != nil {
				return err
			}
			if err := os.Mkdir(at, 0o755); err != nil {
				return err
			}
		}
		return u.finish(at, e)
	}
	if err := os.RemoveAll(at); err != nil {
		return err
	}
	delete(u.special, e.Path)
	switch e.Type {
	case image.File:
		if u.look {
			r = io.LimitReader(r, MaxLook)
		}
		if err := writeFile(at, r); err != nil {
			return err
		}
		return u.finish(at, e)
	case image.Symlink:
		if err := os.Symlink(e.Link, at); err != nil {
			return err
		}
		if u.look {
			return nil
		}
		return os.Lchown(at, e.UID, e.GID)
	case image.CharDevice, image.BlockDevice, image.Pipe:
		u.special[e.Path] = true
		return nil
	case image.Hardlink:
		if u.special[e.Link] {
			u.special[e.Path] = true
			return nil
		}
		from, err := u.place(e.Link, false)
		if err != nil {
			return err
		}
		return os.Link(from, at)
	}
	return nil // a whiteout: it is gone
}

// clear removes what lower layers have put into a directory.
func (u *unpacker) clear(dir string) error {
	at, err := u.place(path.Join(dir, "x"), true)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Dir(at))
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !u.written[path.Join(dir, e.Name())] {
			if err := os.RemoveAll(filepath.Join(filepath.Dir(at), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// place returns where a path of the image lies on this machine. Links on the
// way are followed as a container would, so that they never lead out of the
// root; the last name is not followed. Nobody else writes below the root, so
// what is looked up stays true. With mk, missing directories are made.
func (u *unpacker) place(p string, mk bool) (string, error) {
	dir, err := follow(u.root, path.Dir(p), mk)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, path.Base(p)), nil
}

// maxLinks is how many links may be on the way to a file, Linux' own bound.
const maxLinks = 40

// follow returns the directory of this machine that a path below root leads to.
func follow(root, p string, mk bool) (string, error) {
	at, rest, links := "", p, 0
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		switch name {
		case "", ".":
			continue
		case "..":
			at = path.Join("/", path.Dir(at))[1:]
			continue
		}
		next := path.Join(at, name)
		info, err := os.Lstat(filepath.Join(root, next))
		switch {
		case err != nil && mk && os.IsNotExist(err):
			if err := makeDir(filepath.Join(root, next)); err != nil {
				return "", err
			}
		case err != nil:
			return "", err
		case info.Mode()&fs.ModeSymlink != 0:
			if links++; links > maxLinks {
				return "", fault.New(fault.Integrity, "more than %d links on the way to %q", maxLinks, p)
			}
			target, err := os.Readlink(filepath.Join(root, next))
			if err != nil {
				return "", err
			}
			if path.IsAbs(target) {
				at = ""
			}
			rest = target + "/" + rest
			continue
		}
		at = next
	}
	return filepath.Join(root, at), nil
}

// makeDir makes a directory that everybody may enter, whatever the umask.
func makeDir(at string) error {
	if err := os.Mkdir(at, 0o755); err != nil {
		return err
	}
	return os.Chmod(at, 0o755)
}

func writeFile(at string, r io.Reader) error {
	f, err := os.OpenFile(at, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// finish gives a file or directory what the entry says about it.
func (u *unpacker) finish(at string, e image.Entry) error {
	if u.look {
		return nil
	}
	if err := os.Lchown(at, e.UID, e.GID); err != nil {
		return err
	}
	if err := unix.Chmod(at, e.Mode); err != nil {
		return &fs.PathError{Op: "chmod", Path: e.Path, Err: err}
	}
	if capability := e.Xattrs["security.capability"]; capability != "" {
		if err := unix.Lsetxattr(at, "security.capability", []byte(capability), 0); err != nil {
			return &fs.PathError{Op: "setxattr", Path: e.Path, Err: err}
		}
	}
	return os.Chtimes(at, e.ModTime, e.ModTime)
}
