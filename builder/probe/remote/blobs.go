package remote

import (
	"context"
	"io"
	"strings"
	"sync"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/solve"
)

// root offers an image's blobs where they are, in a registry, layout or archive.
func root(ctx context.Context, p *image.Platform) solve.Root {
	blobs := map[string]image.Descriptor{}
	r := solve.Root{Platform: p.Name(), Manifest: p.Digest(), Blobs: map[string]int64{}}
	for _, d := range p.Blobs() {
		sha := strings.TrimPrefix(d.Digest, "sha256:")
		blobs[sha], r.Blobs[sha] = d, d.Size
	}
	r.Open = func(sha string) (pack.Blob, error) {
		d, ok := blobs[sha]
		if !ok {
			return nil, fault.New(fault.Internal, "opening blob %s: the image has none", sha)
		}
		return &blob{size: d.Size, open: func() (io.ReadCloser, error) { return p.OpenBlob(ctx, d) }}, nil
	}
	return r
}

// blob reads at offsets from what can be read from its beginning only. BuildKit
// asks for one piece after the other; who goes back has the blob opened again.
// What it reads to the end is verified.
type blob struct {
	size int64
	open func() (io.ReadCloser, error)

	mu sync.Mutex
	rc io.ReadCloser // nil before the first read, and after the last
	at int64         // where rc is
}

func (b *blob) ReadAt(p []byte, off int64) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.seek(off); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(b.rc, p)
	b.at += int64(n)
	switch {
	case err == io.ErrUnexpectedEOF:
		err = io.EOF
	case err == nil && b.at == b.size:
		err = b.end()
	}
	return n, err
}

// end reads what is after the last byte: only then is the blob verified.
func (b *blob) end() error {
	switch _, err := io.CopyN(io.Discard, b.rc, 1); err {
	case io.EOF:
		return b.close()
	case nil:
		return fault.New(fault.Integrity, "reading a blob: it has more than %d bytes", b.size)
	default:
		return err
	}
}

// seek has the next read begin at off.
func (b *blob) seek(off int64) error {
	if b.rc != nil && off < b.at {
		if err := b.close(); err != nil {
			return err
		}
	}
	if b.rc == nil {
		rc, err := b.open()
		if err != nil {
			return err
		}
		b.rc, b.at = rc, 0
	}
	n, err := io.CopyN(io.Discard, b.rc, off-b.at)
	b.at += n
	return err
}

func (b *blob) close() error {
	rc := b.rc
	b.rc = nil
	if rc == nil {
		return nil
	}
	return rc.Close()
}

func (b *blob) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.close()
}
