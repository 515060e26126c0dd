// Package pack joins stored blobs into one virtual tar archive, so that a
// build step gets all of its input files as a single blob. Nothing is copied:
// a pack is a list of blobs with tar headers between them.
package pack

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

const (
	blockSize = 512
	// The end of a tar archive is two empty blocks.
	trailerSize = 2 * blockSize
)

// Member is one file of a pack: a stored blob under a name without slashes.
type Member struct {
	Name   string
	SHA256 string // hex
	Size   int64  // bytes
}

// Blob is an open stored blob.
type Blob interface {
	io.ReaderAt
	io.Closer
}

// Opener opens a stored blob by its SHA-256 (hex).
type Opener func(sha256hex string) (Blob, error)

// Pack is the layout of one archive. It holds no content and is not changed
// after New.
type Pack struct {
	members  []Member
	segments []segment
	size     int64
}

// A segment is a piece of the archive: literal bytes (headers, padding), or
// where literal is nil, the content of a member.
type segment struct {
	start, size int64
	literal     []byte
	member      int
}

// New lays out a tar archive of the members, in order of their names: plain
// files with mode 0444, owner 0:0 and time 0, in USTAR form (with a PAX record
// for a name that USTAR cannot hold). The same members in any order give the
// same bytes. A name that is empty, not a plain file name, or given twice, a
// negative size and a malformed hash are fault.Internal.
func New(members []Member) (*Pack, error) {
	p := &Pack{members: slices.Clone(members)}
	slices.SortFunc(p.members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	for i, m := range p.members {
		if err := checkMember(m); err != nil {
			return nil, err
		}
		if i > 0 && p.members[i-1].Name == m.Name {
			return nil, fault.New(fault.Internal, "packing %s: the name is given twice", m.Name)
		}
		header, err := headerOf(m)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, err, "packing %s", m.Name)
		}
		p.add(segment{size: int64(len(header)), literal: header})
		p.add(segment{size: m.Size, member: i})
		p.add(zeros(-m.Size & (blockSize - 1)))
	}
	p.add(zeros(trailerSize))
	return p, nil
}

func checkMember(m Member) error {
	if m.Name == "" || m.Name == "." || m.Name == ".." || strings.ContainsAny(m.Name, "/\x00") {
		return fault.New(fault.Internal, "packing %q: not a plain file name", m.Name)
	}
	if raw, err := hex.DecodeString(m.SHA256); err != nil || len(raw) != sha256.Size {
		return fault.New(fault.Internal, "packing %s: %q is no sha256", m.Name, m.SHA256)
	}
	if m.Size < 0 {
		return fault.New(fault.Internal, "packing %s: size %d", m.Name, m.Size)
	}
	return nil
}

func headerOf(m Member) ([]byte, error) {
	var b bytes.Buffer
	err := tar.NewWriter(&b).WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg,
		Name:     m.Name,
		Size:     m.Size,
		Mode:     0o444,
		ModTime:  time.Unix(0, 0),
	})
	return b.Bytes(), err
}

func zeros(n int64) segment { return segment{size: n, literal: make([]byte, n)} }

func (p *Pack) add(s segment) {
	if s.size == 0 {
		return
	}
	s.start = p.size
	p.segments = append(p.segments, s)
	p.size += s.size
}

// Size is the archive's length in bytes.
func (p *Pack) Size() int64 { return p.size }

// Members returns what the archive holds, sorted by name.
func (p *Pack) Members() []Member { return slices.Clone(p.members) }

// Digest computes the archive's SHA-256 (hex). The same pass hashes every
// member; one whose bytes are not those of its hash is fault.Integrity.
func (p *Pack) Digest(open Opener) (string, error) {
	whole := sha256.New()
	for _, s := range p.segments {
		if s.literal != nil {
			whole.Write(s.literal)
			continue
		}
		if err := copyMember(whole, p.members[s.member], open); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(whole.Sum(nil)), nil
}

func copyMember(w io.Writer, m Member, open Opener) error {
	blob, err := open(m.SHA256)
	if err != nil {
		return err
	}
	defer blob.Close()
	own := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(w, own), plainReader{io.NewSectionReader(blob, 0, m.Size)}, make([]byte, 1<<20))
	if err != nil {
		return fault.Wrap(fault.Integrity, err, "reading %s", m.Name)
	}
	if got := hex.EncodeToString(own.Sum(nil)); n != m.Size || got != m.SHA256 {
		return fault.New(fault.Integrity, "%s: %d bytes with sha256 %s, the lock says %d bytes with %s", m.Name, n, got, m.Size, m.SHA256)
	}
	return nil
}

// plainReader hides every method but Read, so that io.CopyBuffer uses the
// large buffer it was given.
type plainReader struct{ io.Reader }
