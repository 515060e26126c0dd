package pack

import (
	"errors"
	"io"
	"sort"
	"sync"
)

// Reader reads an archive at any offset. Members are opened when they are
// first read; the one read last stays open. It is safe for concurrent use.
type Reader struct {
	pack *Pack
	open Opener

	mu      sync.Mutex
	current int // member that blob belongs to
	blob    Blob
}

// NewReader returns a reader of the archive's bytes. Close releases the member
// it holds open.
func (p *Pack) NewReader(open Opener) *Reader { return &Reader{pack: p, open: open} }

// Size is the archive's length in bytes.
func (r *Reader) Size() int64 { return r.pack.size }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("reading a pack at a negative offset")
	}
	segments := r.pack.segments
	n := 0
	for i := sort.Search(len(segments), func(i int) bool { return segments[i].start+segments[i].size > off }); i < len(segments) && n < len(b); i++ {
		at := off + int64(n) - segments[i].start
		want := min(int64(len(b)-n), segments[i].size-at)
		got, err := r.readSegment(segments[i], b[n:n+int(want)], at)
		n += got
		if err != nil {
			return n, err
		}
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (r *Reader) readSegment(s segment, b []byte, at int64) (int, error) {
	if s.literal != nil {
		return copy(b, s.literal[at:]), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.blob == nil || r.current != s.member {
		if err := r.closeLocked(); err != nil {
			return 0, err
		}
		blob, err := r.open(r.pack.members[s.member].SHA256)
		if err != nil {
			return 0, err
		}
		r.blob, r.current = blob, s.member
	}
	n, err := r.blob.ReadAt(b, at)
	if n == len(b) {
		return n, nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		// The member is shorter than its entry in the lock.
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Close releases what the reader holds open.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeLocked()
}

func (r *Reader) closeLocked() error {
	if r.blob == nil {
		return nil
	}
	blob := r.blob
	r.blob = nil
	return blob.Close()
}
