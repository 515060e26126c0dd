package task

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

// namesAtOnce is how many names of a directory are held at a time.
const namesAtOnce = 1024

// Remove removes a directory that a child wrote to, with everything in it. A
// child may have left trees of any depth and of any mode, and links to
// anywhere: no link is followed, nothing outside is touched, and neither the
// depth nor the number of files takes memory or descriptors. Call it when no
// process of the child is left. What does not exist is removed.
func Remove(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		if err := empty(dir); err != nil {
			return fmt.Errorf("emptying %s: %w", dir, err)
		}
	}
	return os.Remove(dir)
}

// empty removes everything in a directory. Directories with something in them
// are taken apart one level at a time: what lies in them is moved up first.
func empty(dir string) error {
	if err := os.Chmod(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	e := emptier{root: root}
	for {
		left, err := e.each(".", e.remove)
		if left == 0 || err != nil {
			return err
		}
	}
}

type emptier struct {
	root   *os.Root
	lifted int // names given to what was moved up
}

// each calls f for every name in a directory and returns how many there were.
func (e *emptier) each(dir string, f func(name string) error) (count int, err error) {
	d, err := e.root.Open(dir)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	for {
		names, err := d.Readdirnames(namesAtOnce)
		for _, name := range names {
			if err := f(name); err != nil {
				return count, err
			}
		}
		count += len(names)
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return count, err
		}
	}
}

// remove removes a file, a link or an empty directory of the root, and moves
// what another directory holds up to the root.
func (e *emptier) remove(name string) error {
	err := e.root.Remove(name)
	if !occupied(err) {
		return gone(err)
	}
	if err := e.root.Chmod(name, 0o700); err != nil {
		return err
	}
	for {
		left, err := e.each(name, func(child string) error { return e.lift(name + "/" + child) })
		if err != nil {
			return err
		}
		if left == 0 {
			return gone(e.root.Remove(name))
		}
	}
}

// lift removes what needs no emptying, and moves other directories to the root.
func (e *emptier) lift(path string) error {
	err := e.root.Remove(path)
	if !occupied(err) {
		return gone(err)
	}
	// To be moved elsewhere, a directory itself has to be writable.
	if err := e.root.Chmod(path, 0o700); err != nil {
		return err
	}
	for {
		e.lifted++
		name := "lifted-" + strconv.Itoa(e.lifted)
		if _, err := e.root.Lstat(name); errors.Is(err, fs.ErrNotExist) {
			return e.root.Rename(path, name)
		}
	}
}

// occupied reports whether a directory could not be removed because of what
// is in it.
func occupied(err error) bool {
	return errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST)
}

// gone takes it for success that something is not there.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
