// Package store keeps files by their sha256 below one folder, which has the
// form of an OCI image layout so that containerd-style readers accept it:
//
//	<root>/oci-layout, <root>/index.json   the two fixed files of the layout
//	<root>/blobs/sha256/<hex>              finished files, read-only
//	<root>/partial/<name>                  files being written; safe to remove when no process runs
//
// Any number of processes may use one folder at a time. Below blobs nothing is
// ever seen half-written: a file is made in partial, flushed, and renamed. A
// process that dies leaves at most a file in partial, which the next one
// resumes or removes.
package store

import (
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"

	"github.com/lockforge/lockforge/builder/fault"
)

// layoutVersion is the content of oci-layout (OCI image-spec, image-layout.md).
const layoutVersion = `{"imageLayoutVersion":"1.0.0"}`

// emptyIndex is the content of index.json: the store names no image.
const emptyIndex = `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`

// Store is one folder of blobs. Its methods are safe for concurrent use.
type Store struct {
	root string

	mu       sync.Mutex
	verdicts map[string]identity // blobs whose content this process has hashed
}

// Open opens the store at root, and makes it where there is none. It removes
// what killed processes left behind and nobody can resume.
//
// Errors: fault.Internal when the folder cannot be made or written.
func Open(root string) (*Store, error) {
	s := &Store{root: root, verdicts: map[string]identity{}}
	for _, dir := range []string{s.blobs(), s.partials()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, diskFault(err, "opening store %s", root)
		}
	}
	for name, content := range map[string]string{"oci-layout": layoutVersion, "index.json": emptyIndex} {
		if err := s.writeOnce(filepath.Join(root, name), content); err != nil {
			return nil, diskFault(err, "opening store %s", root)
		}
	}
	if err := s.clean(); err != nil {
		return nil, diskFault(err, "cleaning store %s", root)
	}
	return s, nil
}

// Root returns the store's folder, an OCI image layout.
func (s *Store) Root() string { return s.root }

// Path returns where the blob of that hash is or would be. sha is 64 lower
// case hex digits; for anything else the path is "".
func (s *Store) Path(sha string) string {
	if !validHash(sha) {
		return ""
	}
	return filepath.Join(s.blobs(), sha)
}

// Has reports whether a blob of that hash and size is there, without reading
// it: Open finds out whether its content is still right.
func (s *Store) Has(sha string, size int64) bool {
	if !validHash(sha) {
		return false
	}
	info, err := os.Lstat(s.Path(sha))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

func (s *Store) blobs() string    { return filepath.Join(s.root, "blobs", "sha256") }
func (s *Store) partials() string { return filepath.Join(s.root, "partial") }

// writeOnce makes a small fixed file where there is none.
func (s *Store) writeOnce(path, content string) error {
	if got, err := os.ReadFile(path); err == nil && string(got) == content {
		return nil
	}
	tmp, err := s.temp()
	if err != nil {
		return err
	}
	defer tmp.discard()
	if _, err := tmp.file.WriteString(content); err != nil {
		return err
	}
	return tmp.publish(path, 0o644)
}

// validHash reports whether sha is a sha256 in lower case hex. It stands before
// every use of a hash as a file name.
func validHash(sha string) bool {
	if len(sha) != 64 {
		return false
	}
	for _, c := range []byte(sha) {
		if c >= 'A' && c <= 'F' {
			return false
		}
	}
	_, err := hex.DecodeString(sha)
	return err == nil
}

func invalidHash(sha string) error {
	return fault.New(fault.Integrity, "using %q as a sha256: not 64 lower case hex digits", sha)
}
