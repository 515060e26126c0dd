package unpack

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"sync"
	"syscall"
	"unsafe"

	"github.com/lockforge/lockforge/builder/fault"
)

// output writes below a root directory. Paths are relative to it, with slashes,
// and checked by the caller. Nothing is ever written through a link: every
// directory on the way is one that this output made or found to be one. It is
// safe for concurrent use.
//
// The process must run with umask 0, see Run. Owners are those of the process:
// 0:0 in a build step.
type output struct {
	root  string
	epoch int64

	mu   sync.Mutex
	dirs map[string]bool
}

func newOutput(root string, epoch int64) *output {
	return &output{root: root, epoch: epoch, dirs: map[string]bool{".": true}}
}

// path gives the place of a file of the output on this machine.
func (o *output) path(name string) string { return o.root + "/" + name }

// dir makes a directory with mode 0755, and its parents.
func (o *output) dir(name string) error { return o.dirMode(name, 0o755) }

// dirMode makes a directory with the given mode. Parents have 0755.
func (o *output) dirMode(name string, mode fs.FileMode) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.mkdir(name); err != nil {
		return fault.Wrap(fault.Internal, err, "making directory %s", name)
	}
	if mode != 0o755 {
		if err := os.Chmod(o.path(name), mode); err != nil {
			return fault.Wrap(fault.Internal, err, "making directory %s", name)
		}
	}
	return nil
}

func (o *output) mkdir(name string) error {
	if o.dirs[name] {
		return nil
	}
	if err := o.mkdir(path.Dir(name)); err != nil {
		return err
	}
	err := os.Mkdir(o.path(name), 0o755)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := os.Lstat(o.path(name))
		if statErr != nil {
			return statErr
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is there and no directory", name)
		}
		err = nil
	}
	if err == nil {
		o.dirs[name] = true
	}
	return err
}

// file makes a file, which must not exist, and writes it with write.
func (o *output) file(name string, mode fs.FileMode, write func(io.Writer) error) error {
	if err := o.dir(path.Dir(name)); err != nil {
		return err
	}
	f, err := os.OpenFile(o.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, mode.Perm())
	if err != nil {
		return fault.Wrap(fault.Internal, err, "making file %s", name)
	}
	if err := write(f); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(fault.Internal, err, "writing file %s", name)
	}
	if mode != mode.Perm() {
		if err := os.Chmod(o.path(name), mode); err != nil {
			return fault.Wrap(fault.Internal, err, "writing file %s", name)
		}
	}
	return o.stamp(name)
}

// content makes a file with the given content.
func (o *output) content(name string, mode fs.FileMode, content []byte) error {
	return o.file(name, mode, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
}

// link makes a symbolic link.
func (o *output) link(name, target string) error {
	if err := o.dir(path.Dir(name)); err != nil {
		return err
	}
	if err := os.Symlink(target, o.path(name)); err != nil {
		return fault.Wrap(fault.Internal, err, "making link %s", name)
	}
	return o.stamp(name)
}

// finish stamps all directories, the root included. It comes last, as every new
// entry changes the time of its directory.
func (o *output) finish() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := make([]string, 0, len(o.dirs))
	for name := range o.dirs {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		if err := o.stamp(name); err != nil {
			return err
		}
	}
	return nil
}

// stamp sets the times of a file, directory or link, the link's own.
func (o *output) stamp(name string) error {
	if err := lutimes(o.path(name), o.epoch); err != nil {
		return fault.Wrap(fault.Internal, err, "setting the time of %s", name)
	}
	return nil
}

// Arguments of utimensat(2) that the standard library doesn't name.
const (
	atFdcwd           = -100
	atSymlinkNofollow = 0x100
)

// lutimes is lutimes(3), which the standard library lacks: it doesn't follow links.
func lutimes(name string, seconds int64) error {
	p, err := syscall.BytePtrFromString(name)
	if err != nil {
		return err
	}
	at := int64(atFdcwd)
	times := [2]syscall.Timespec{syscall.NsecToTimespec(seconds * 1e9), syscall.NsecToTimespec(seconds * 1e9)}
	_, _, errno := syscall.Syscall6(syscall.SYS_UTIMENSAT, uintptr(at), uintptr(unsafe.Pointer(p)),
		uintptr(unsafe.Pointer(&times)), atSymlinkNofollow, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
