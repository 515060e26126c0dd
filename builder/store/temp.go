package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// temp is a file below partial that this process alone writes to, until it is
// published under its final name. Its lock tells clean, in any process, that
// it is in use; the lock ends with the process.
type temp struct {
	file      *os.File
	published bool
}

// temp makes a new locked file below partial.
func (s *Store) temp() (*temp, error) {
	for {
		f, err := os.CreateTemp(s.partials(), "put-*")
		if err != nil {
			return nil, err
		}
		ok, err := lockInPlace(f)
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if ok {
			return &temp{file: f}, nil
		}
		// clean of another process came between; it removes the file.
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
}

// publish flushes the file to disk and gives it its final name and mode.
func (t *temp) publish(path string, mode fs.FileMode) error {
	if err := t.file.Chmod(mode); err != nil {
		return err
	}
	if err := t.file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(t.file.Name(), path); err != nil {
		return err
	}
	t.published = true
	return syncDir(filepath.Dir(path))
}

// discard closes the file, and removes it unless it was published.
func (t *temp) discard() {
	if !t.published {
		// What stays here after all is harmless: clean takes it next time.
		_ = os.Remove(t.file.Name())
	}
	_ = t.file.Close()
}

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// lockInPlace takes the file's lock without waiting. It reports false when
// another holder has it, or when the file lost its name (renamed or removed)
// before the lock was had.
func lockInPlace(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, &fs.PathError{Op: "flock", Path: f.Name(), Err: err}
	}
	held, err := f.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(f.Name())
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(held, named), nil
}
