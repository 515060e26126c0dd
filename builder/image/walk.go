package image

import (
	"archive/tar"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"path"

	"github.com/lockforge/lockforge/builder/fault"
)

// Visit is called for each entry of a layer, in the layer's order. r gives
// the bytes of files and is empty for all others; what is left unread is
// skipped. Its error ends the walk and is returned as it is.
type Visit func(l Layer, e Entry, r io.Reader) error

// VisitHeader is Visit for who has to see an entry as it was written: h is its
// tar header, with what an Entry leaves out, as names of owners and records of
// the PAX format. It is only valid during the call.
type VisitHeader func(h *tar.Header, e Entry, r io.Reader) error

// Walk visits all entries of all layers, lowest layer first. What visit saw is
// verified only when Walk returns nil: digests are known at a layer's end.
func (p *Platform) Walk(ctx context.Context, visit Visit) error {
	for _, l := range p.layers {
		if err := p.WalkLayer(ctx, l, visit); err != nil {
			return err
		}
	}
	return nil
}

// WalkLayer visits the entries of one layer of p. Layers may be walked at the
// same time. Anything wrong with the layer (its digest, diff ID or size, its
// compression, an entry's path or type, a limit) is fault.Integrity and names
// the layer.
func (p *Platform) WalkLayer(ctx context.Context, l Layer, visit Visit) error {
	return p.WalkHeaders(ctx, l, func(_ *tar.Header, e Entry, r io.Reader) error { return visit(l, e, r) })
}

// WalkHeaders is WalkLayer with the entries' tar headers.
func (p *Platform) WalkHeaders(ctx context.Context, l Layer, visit VisitHeader) error {
	blob, err := openVerified(ctx, p.child.src, Descriptor{Digest: l.Digest, Size: l.Size})
	if err != nil {
		return err
	}
	defer blob.Close()
	w := &walker{layer: l, visit: visit, seen: map[string]Type{}}
	err = w.stream(ctx, blob)
	switch {
	case err == nil:
		return nil
	case w.visitErr != nil:
		return w.visitErr
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.Network):
		return fault.Wrap(fault.Network, err, "reading layer %d (%s)", l.Index+1, l.Digest)
	default:
		return fault.Wrap(fault.Integrity, err, "reading layer %d (%s)", l.Index+1, l.Digest)
	}
}

type walker struct {
	layer     Layer
	visit     VisitHeader
	visitErr  error
	seen      map[string]Type // every path of the layer, parents included
	entries   int
	nameBytes int
	lastDir   string // the parent that was checked last
}

// implied marks directories that a layer names only as part of other paths.
const implied Type = "implied"

func (w *walker) stream(ctx context.Context, blob io.Reader) error {
	in := &counter{r: blob}
	buffered := bufio.NewReaderSize(in, 1<<16)
	plain, err := decompress(buffered, compressionOf(w.layer.MediaType))
	if err != nil {
		return err
	}
	defer plain.Close()
	sum := sha256.New()
	out := io.TeeReader(&inflated{r: plain, in: in}, sum)
	if err := w.archive(ctx, out); err != nil {
		return err
	}
	if err := padding(out); err != nil {
		return err
	}
	if err := exhaust(buffered); err != nil {
		return err
	}
	if got := "sha256:" + hex.EncodeToString(sum.Sum(nil)); got != w.layer.DiffID {
		return fault.New(fault.Integrity, "its uncompressed bytes are %s, the config says %s", got, w.layer.DiffID)
	}
	return nil
}

func (w *walker) archive(ctx context.Context, r io.Reader) error {
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.entry(h, tr); err != nil {
			return err
		}
	}
}

func (w *walker) entry(h *tar.Header, content io.Reader) error {
	if w.entries++; w.entries > MaxEntries {
		return fault.New(fault.Integrity, "more than %d entries", MaxEntries)
	}
	if w.nameBytes += len(h.Name); w.nameBytes > MaxNameBytes {
		return fault.New(fault.Integrity, "paths of more than %d bytes together", MaxNameBytes)
	}
	e, err := newEntry(h)
	if err != nil {
		return err
	}
	if err := w.place(e); err != nil {
		return err
	}
	if e.Type != File {
		content = eof{}
	}
	watched := &watcher{r: content}
	err = w.visit(h, e, watched)
	if watched.err != nil {
		return watched.err // the layer's own fault, whatever visit made of it
	}
	w.visitErr = err
	return err
}

// watcher remembers the error that reading an entry ended with.
type watcher struct {
	r   io.Reader
	err error
}

func (w *watcher) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// place refuses a path that the layer names twice, and a path below anything
// but a directory: unpacked, that would be written through a link.
func (w *walker) place(e Entry) error {
	key := e.Path
	if e.Type == Whiteout {
		key = path.Join(path.Dir(e.Path), whiteoutPrefix+path.Base(e.Path))
	} else if e.Type == Opaque {
		key = path.Join(e.Path, opaqueName)
	}
	had, there := w.seen[key]
	if there && (had != implied || e.Type != Dir) {
		return fault.New(fault.Integrity, "entry %q: the path is there twice", key)
	}
	w.seen[key] = e.Type
	parent := path.Dir(key)
	if parent == w.lastDir {
		return nil
	}
	for dir := parent; dir != "."; dir = path.Dir(dir) {
		switch w.seen[dir] {
		case Dir:
		case "":
			w.seen[dir] = implied
		case implied:
		default:
			return fault.New(fault.Integrity, "entry %q: %q is not a directory", key, dir)
		}
	}
	w.lastDir = parent
	return nil
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// padding reads what follows the end mark of a tar archive: zeros, as tar
// programs write to fill a record, and nothing else.
func padding(r io.Reader) error {
	buf := make([]byte, 1<<12)
	total := 0
	for {
		n, err := r.Read(buf)
		for _, b := range buf[:n] {
			if b != 0 {
				return fault.New(fault.Integrity, "data after the end of its archive")
			}
		}
		if total += n; total > MaxPadding {
			return fault.New(fault.Integrity, "more than %d zero bytes after the end of its archive", MaxPadding)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// exhaust reads the rest of the compressed bytes, which must be none, and
// thereby runs the check of the blob's digest.
func exhaust(r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	if n > 0 {
		return fault.New(fault.Integrity, "%d bytes after the end of its compressed data", n)
	}
	return nil
}
