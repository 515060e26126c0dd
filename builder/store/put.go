package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Put stores what r gives and returns its hash in hex and its size in bytes.
// It reads at most limit bytes.
//
// Errors: fault.Integrity (matching limitio.ErrTooLarge) when r gives more;
// fault.Internal when the disk is full or cannot be written; errors of r as
// they come, for a caller that knows their kind.
func (s *Store) Put(r io.Reader, limit int64) (sha string, size int64, err error) {
	return s.put(r, limit, "")
}

// PutExpected is Put for content whose hash is known beforehand: other content
// is not stored. It returns the size in bytes.
//
// Errors: those of Put, and fault.Integrity for another hash.
func (s *Store) PutExpected(r io.Reader, limit int64, sha string) (size int64, err error) {
	if !validHash(sha) {
		return 0, invalidHash(sha)
	}
	_, size, err = s.put(r, limit, sha)
	return size, err
}

// PutBytes stores b and returns its hash in hex.
func (s *Store) PutBytes(b []byte) (sha string, err error) {
	sum := sha256.Sum256(b)
	sha = hex.EncodeToString(sum[:])
	if s.intact(sha, int64(len(b))) {
		return sha, nil
	}
	_, _, err = s.put(bytes.NewReader(b), int64(len(b)), sha)
	return sha, err
}

// PutFile stores a copy of the file at path, at most limit bytes of it.
//
// Errors: those of Put, and fault.Internal (matching fs.ErrNotExist where that
// is the cause) when the file cannot be read.
func (s *Store) PutFile(path string, limit int64) (sha string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, fault.Wrap(fault.Internal, err, "storing a local file")
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sha, size, err = s.Put(f, limit)
	if err != nil {
		return "", 0, fmt.Errorf("storing %s: %w", path, err)
	}
	return sha, size, nil
}

// intact reports whether the blob is there and its content is right.
func (s *Store) intact(sha string, size int64) bool {
	if !s.Has(sha, size) {
		return false
	}
	b, err := s.Open(sha)
	if err != nil {
		return false
	}
	return b.Close() == nil
}

// put writes r to a temp file and publishes it under its hash, which must be
// want unless that is empty.
func (s *Store) put(r io.Reader, limit int64, want string) (sha string, size int64, err error) {
	t, err := s.temp()
	if err != nil {
		return "", 0, diskFault(err, "writing to store %s", s.root)
	}
	defer t.discard()
	h := sha256.New()
	source := &readErrors{r: limitio.Reader(r, limit)}
	size, err = io.Copy(io.MultiWriter(t.file, h), source)
	switch {
	case errors.Is(source.err, limitio.ErrTooLarge):
		return "", 0, fault.Wrap(fault.Integrity, source.err, "storing a file")
	case source.err != nil:
		return "", 0, source.err
	case err != nil:
		return "", 0, diskFault(err, "writing to store %s", s.root)
	}
	sha = hex.EncodeToString(h.Sum(nil))
	if want != "" && sha != want {
		return "", 0, fault.New(fault.Integrity, "storing sha256:%s: content has sha256:%s", want, sha)
	}
	return sha, size, s.publish(t, sha)
}

// publish moves a finished file to its place among the blobs. A blob of that
// name is replaced: it has the same content, or is damaged.
func (s *Store) publish(t *temp, sha string) error {
	if err := t.publish(s.Path(sha), 0o444); err != nil {
		return diskFault(err, "writing blob sha256:%s", sha)
	}
	info, err := t.file.Stat()
	if err != nil {
		return diskFault(err, "writing blob sha256:%s", sha)
	}
	s.trust(sha, info)
	return nil
}

// readErrors remembers the error of a reader, so that it can be told from an
// error of the writer beside it.
type readErrors struct {
	r   io.Reader
	err error
}

func (r *readErrors) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}
