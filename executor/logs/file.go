package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// Default bounds of a log on disk: ten files of 10 MB.
const (
	DefaultFileBytes = 10_000_000
	DefaultFiles     = 10
)

// file writes a log to PATH; when that is full it becomes PATH.1, which before
// becomes PATH.2, and so on; the oldest is removed. Lines are never split.
// After an error the log on disk has a gap, and the next file is tried.
type file struct {
	path     string
	maxBytes int64
	files    int

	f       *os.File // nil after an error
	written int64
	ready   []byte
	err     error // the first
}

func openFile(path string, maxBytes int64, files int) (*file, error) {
	if maxBytes == 0 {
		maxBytes = DefaultFileBytes
	}
	if files == 0 {
		files = DefaultFiles
	}
	l := &file{path: path, maxBytes: maxBytes, files: files}
	if err := l.open(); err != nil {
		return nil, fmt.Errorf("making the log file: %w", err)
	}
	return l, nil
}

// open makes a new file: what lies at the path already, a link to elsewhere
// perhaps, is removed and not written to.
func (l *file) open() error {
	if err := os.Remove(l.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	l.f, l.written = f, 0
	return nil
}

func (l *file) add(line []byte, mark string) {
	l.ready = append(l.ready, line...)
	l.ready = append(l.ready, mark...)
	l.ready = append(l.ready, '\n')
	size := int64(len(l.ready))
	if size >= chunk || l.written+size >= l.maxBytes {
		l.flush()
	}
}

func (l *file) flush() {
	if len(l.ready) == 0 {
		return
	}
	l.written += int64(len(l.ready))
	if l.f != nil {
		_, err := l.f.Write(l.ready)
		l.note(err)
	}
	l.ready = l.ready[:0]
	if l.written >= l.maxBytes {
		l.rotate()
	}
}

// rotate begins the next file. Where that does not work it is tried again
// after as many bytes as a file has.
func (l *file) rotate() {
	l.closeCurrent()
	l.written = 0
	for i := l.files - 1; i > 0; i-- {
		err := os.Rename(l.name(i-1), l.name(i))
		if !errors.Is(err, fs.ErrNotExist) {
			l.note(err)
		}
	}
	l.note(l.open())
}

func (l *file) name(i int) string {
	if i == 0 {
		return l.path
	}
	return l.path + "." + strconv.Itoa(i)
}

func (l *file) closeCurrent() {
	if l.f != nil {
		l.note(l.f.Close())
		l.f = nil
	}
}

func (l *file) note(err error) {
	if l.err == nil && err != nil {
		l.err = fmt.Errorf("writing the log file: %w", err)
	}
}

func (l *file) close() error {
	l.flush()
	l.closeCurrent()
	return l.err
}
