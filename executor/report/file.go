package report

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// MaxFileBytes bounds the report file, in bytes: five times the largest that
// was seen. Reading one takes seconds, not memory.
const MaxFileBytes = 1 << 30

// Errors of Read, matched with errors.Is.
var (
	// ErrNone is no report: the normal end of many runs.
	ErrNone = errors.New("the run wrote no report")
	// ErrRefused is a report that is no plain file of this user's own. A run
	// may put anything there, to have the executor read it.
	ErrRefused = errors.New("the report is refused")
	// ErrTooLarge is one above MaxFileBytes, or that can't be shortened enough.
	ErrTooLarge = errors.New("the report is too large")
	// ErrMalformed is one that is no JSON document.
	ErrMalformed = errors.New("the report is not a JSON document")
)

// open opens a plain file that has one name and belongs to this user. It never
// waits: not for the other end of a FIFO, not for a device.
func open(path string) (*os.File, error) {
	const flags = syscall.O_RDONLY | syscall.O_NOFOLLOW | syscall.O_NONBLOCK | syscall.O_NOCTTY | syscall.O_CLOEXEC
	fd, err := syscall.Open(path, flags, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, ErrNone
	case errors.Is(err, syscall.ELOOP):
		return nil, fmt.Errorf("%w: it is a symbolic link", ErrRefused)
	case err != nil:
		return nil, fmt.Errorf("%w: opening it: %w", ErrRefused, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if err := plain(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// plain looks at the open file, not at its name, which may be another's by now.
func plain(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("%w: looking at it: %w", ErrRefused, err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%w: it is no regular file but %s", ErrRefused, info.Mode().Type())
	case !ok || stat.Nlink != 1:
		return fmt.Errorf("%w: the file has other names", ErrRefused)
	case int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%w: the file belongs to another user", ErrRefused)
	case info.Size() > MaxFileBytes:
		return fmt.Errorf("%w: %d bytes, of at most %d", ErrTooLarge, info.Size(), MaxFileBytes)
	}
	return nil
}
