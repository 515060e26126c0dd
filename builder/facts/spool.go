package facts

import (
	"errors"
	"io"
	"os"
)

// spoolMemory is how much of one file is held in memory; more goes to a
// temporary file, one for each worker.
const spoolMemory = 4 << 20

// spool takes a stream and then gives access to any part of it.
type spool struct {
	buf  []byte
	file *os.File
	size int64
}

func (s *spool) reset() { s.buf, s.size = s.buf[:0], 0 }

func (s *spool) Write(p []byte) (int, error) {
	n := 0
	if room := spoolMemory - len(s.buf); room > 0 {
		n = min(room, len(p))
		s.buf = append(s.buf, p[:n]...)
	}
	if n < len(p) {
		if err := s.create(); err != nil {
			return n, err
		}
		if _, err := s.file.WriteAt(p[n:], s.size+int64(n)-spoolMemory); err != nil {
			return n, err
		}
	}
	s.size += int64(len(p))
	return len(p), nil
}

// create makes the file without a name, so that nothing is left behind even
// when the process is killed.
func (s *spool) create() error {
	if s.file != nil {
		return nil
	}
	f, err := os.CreateTemp("", "lockforge-facts-*")
	if err != nil {
		return err
	}
	s.file = f
	return os.Remove(f.Name())
}

func (s *spool) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errors.New("negative offset")
	}
	if at >= s.size {
		return 0, io.EOF
	}
	short := false
	if left := s.size - at; int64(len(p)) > left {
		p, short = p[:left], true
	}
	n := 0
	if at < int64(len(s.buf)) {
		n = copy(p, s.buf[at:])
	}
	if n < len(p) {
		m, err := s.file.ReadAt(p[n:], at+int64(n)-spoolMemory)
		if n += m; n < len(p) {
			return n, err
		}
	}
	if short {
		return n, io.EOF
	}
	return n, nil
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
