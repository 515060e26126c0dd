package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// resumable is how long an unfinished download is worth keeping.
const resumable = 7 * 24 * time.Hour

// clean removes what nobody will use from partial: temp files of processes
// that have died, downloads whose blob has arrived since, and old ones. A file
// whose lock is held belongs to a living process and stays.
func (s *Store) clean() error {
	entries, err := os.ReadDir(s.partials())
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if e.Type().IsRegular() && s.leftover(e) {
			errs = append(errs, removeUnheld(filepath.Join(s.partials(), e.Name())))
		}
	}
	return errors.Join(errs...)
}

func (s *Store) leftover(e fs.DirEntry) bool {
	if !validHash(e.Name()) {
		return strings.HasPrefix(e.Name(), "put-")
	}
	if _, err := os.Lstat(s.Path(e.Name())); err == nil {
		return true
	}
	info, err := e.Info()
	return err == nil && time.Since(info.ModTime()) > resumable
}

// removeUnheld removes a file unless a process holds its lock.
func removeUnheld(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ok, err := lockInPlace(f)
	if ok {
		err = os.Remove(path)
	}
	return errors.Join(err, f.Close())
}
