package solve

import (
	"context"
	"io"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
)

// inputs offers exactly the content that a graph names, read-only. A remote
// engine reads in small pieces, each with its own call of ReaderAt, so readers
// stay open until close.
type inputs struct {
	noStore
	content graph.Content
	open    pack.Opener

	mu      sync.Mutex
	readers map[digest.Digest]*sharedReader
}

func newInputs(c graph.Content, open pack.Opener) *inputs {
	return &inputs{content: c, open: open, readers: map[digest.Digest]*sharedReader{}}
}

func (s *inputs) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	size, ok := s.size(d.Encoded())
	if !ok {
		return content.Info{}, errdefs.ErrNotFound
	}
	return content.Info{Digest: d, Size: size}, nil
}

func (s *inputs) size(sha string) (int64, bool) {
	if b, ok := s.content.Generated[sha]; ok {
		return b.Size(), true
	}
	if p, ok := s.content.Packs[sha]; ok {
		return p.Size(), true
	}
	size, ok := s.content.Stored[sha]
	return size, ok
}

func (s *inputs) ReaderAt(_ context.Context, desc ocispec.Descriptor) (content.ReaderAt, error) {
	sha := desc.Digest.Encoded()
	size, ok := s.size(sha)
	if !ok {
		return nil, errdefs.ErrNotFound
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r, ok := s.readers[desc.Digest]; ok {
		return r, nil
	}
	blob, err := s.blob(sha)
	if err != nil {
		return nil, err
	}
	r := &sharedReader{Blob: blob, size: size}
	s.readers[desc.Digest] = r
	return r, nil
}

func (s *inputs) blob(sha string) (pack.Blob, error) {
	if b, ok := s.content.Generated[sha]; ok {
		return generated{b}, nil
	}
	if p, ok := s.content.Packs[sha]; ok {
		return p.NewReader(s.open), nil
	}
	return s.open(sha)
}

// close releases every reader.
func (s *inputs) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.readers {
		_ = r.Blob.Close() // it was only read
	}
	clear(s.readers)
}

// sharedReader outlives the single requests that use it.
type sharedReader struct {
	pack.Blob
	size int64
}

func (r *sharedReader) Size() int64 { return r.size }
func (*sharedReader) Close() error  { return nil }

type generated struct{ *io.SectionReader }

func (generated) Close() error { return nil }
