// Package ownfile opens what an executor keeps for itself: files that nobody
// else may have put there, and directories that one process writes.
package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long a lock is waited for. When its holder is killed while it
// starts a child, that child has the lock as well until it executes something
// else: the next executor may be there before.
const lockWait = time.Second

// Open opens a regular file, for reading and writing, that lies at the path
// itself; flags are further ones of open(2). A file that it makes is 0600.
func Open(path string, flags int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|flags, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Lock takes the lock that ends with this process, however it ends, or when the
// file is closed. Where another process holds it for a second, it fails with held.
func Lock(path string, held error) (*os.File, error) {
	f, err := Open(path, unix.O_CREAT)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(lockWait); ; time.Sleep(5 * time.Millisecond) {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if again := errors.Is(err, unix.EINTR) || errors.Is(err, unix.EWOULDBLOCK); !again || time.Now().After(end) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = held
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking %s: %w", path, err), f.Close())
	}
	return f, nil
}

// SyncDir makes durable what was made, renamed and removed in a directory.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Nearest is the directory, or the first of those above it that is there: where
// it could be made. It fails where something else is in its way.
func Nearest(dir string) (existing string, err error) {
	for existing = dir; ; existing = filepath.Dir(existing) {
		info, err := os.Stat(existing)
		switch {
		case err == nil && info.IsDir():
			return existing, nil
		case err == nil:
			return "", fmt.Errorf("%s is no directory", existing)
		case !errors.Is(err, fs.ErrNotExist) || existing == filepath.Dir(existing):
			return "", fmt.Errorf("looking at %s: %w", existing, err)
		}
	}
}
