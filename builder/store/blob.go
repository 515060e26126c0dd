package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// ErrAbsent is matched by the error of Open for a blob that is not there.
var ErrAbsent = fs.ErrNotExist

// Blob is one open file of the store. Its content had the hash it is named
// after when it was opened.
type Blob struct {
	file *os.File
	size int64
}

var _ io.ReaderAt = (*Blob)(nil)

// ReadAt implements io.ReaderAt; it is safe for concurrent use.
func (b *Blob) ReadAt(p []byte, off int64) (int, error) { return b.file.ReadAt(p, off) }

// Size returns the length in bytes.
func (b *Blob) Size() int64 { return b.size }

// Reader returns a new reader over the whole content.
func (b *Blob) Reader() *io.SectionReader { return io.NewSectionReader(b.file, 0, b.size) }

// Close releases the file.
func (b *Blob) Close() error { return b.file.Close() }

// identity says which file on disk was hashed, and in which state.
type identity struct {
	device, inode uint64
	size          int64
	modified      time.Time
	changed       syscall.Timespec
}

func identify(info fs.FileInfo) identity {
	id := identity{size: info.Size(), modified: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		id.device, id.inode, id.changed = st.Dev, st.Ino, st.Ctim
	}
	return id
}

// Open opens a blob after hashing its content. A content is hashed once per
// Store, and again when the file's inode, size or times have changed since.
//
// Errors: fault.Integrity when the content does not have the hash (the blob is
// removed, so that it can be fetched again) or sha is no sha256; fault.Internal
// matching ErrAbsent when there is no such blob.
func (s *Store) Open(sha string) (*Blob, error) {
	if !validHash(sha) {
		return nil, invalidHash(sha)
	}
	f, err := os.OpenFile(s.Path(sha), os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Internal, ErrAbsent, "opening blob sha256:%s", sha).
			Hint("run `lockforge fetch` to fill the store")
	}
	if err != nil {
		return nil, diskFault(err, "opening blob sha256:%s", sha)
	}
	size, err := s.verify(f, sha)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &Blob{file: f, size: size}, nil
}

// verify hashes the open file unless this Store has done so already.
func (s *Store) verify(f *os.File, sha string) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, diskFault(err, "reading blob sha256:%s", sha)
	}
	id := identify(info)
	s.mu.Lock()
	known := s.verdicts[sha] == id
	s.mu.Unlock()
	if known {
		return info.Size(), nil
	}
	if !info.Mode().IsRegular() {
		return 0, fault.New(fault.Integrity, "reading blob sha256:%s: not a regular file", sha)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return 0, diskFault(err, "reading blob sha256:%s", sha)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != sha {
		s.drop(sha, info)
		return 0, fault.Wrap(fault.Integrity, fmt.Errorf("content has sha256:%s", got), "checking blob sha256:%s", sha).
			Hint("the damaged file was removed; run the command again to fetch it anew")
	}
	s.trust(sha, info)
	return info.Size(), nil
}

// trust remembers that a file holds the content of that hash.
func (s *Store) trust(sha string, info fs.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verdicts[sha] = identify(info)
}

// drop removes a damaged blob, unless another process has replaced it since.
func (s *Store) drop(sha string, damaged fs.FileInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.verdicts, sha)
	if now, err := os.Lstat(s.Path(sha)); err == nil && os.SameFile(now, damaged) {
		// A blob that cannot be removed stays unusable: Open refuses it each time.
		_ = os.Remove(s.Path(sha))
	}
}
