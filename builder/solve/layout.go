package solve

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/errdefs"
	digest "github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// layout is an OCI image layout that takes an image from BuildKit. BuildKit
// asks it for a writer per blob, and it says of those it has that they exist.
type layout struct {
	noStore
	dir   string
	local string // blobs of an engine on this machine, or ""

	mu      sync.Mutex
	written int64 // bytes that were not there before
}

func openLayout(dir, local string) (*layout, error) {
	if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o755); err != nil {
		return nil, fault.Wrap(fault.Build, err, "making layout %s", dir)
	}
	return &layout{dir: dir, local: local}, nil
}

func (l *layout) path(d digest.Digest) string {
	return filepath.Join(l.dir, "blobs", d.Algorithm().String(), d.Encoded())
}

func (l *layout) has(desc ocispec.Descriptor) bool {
	info, err := os.Stat(l.path(desc.Digest))
	return err == nil && info.Mode().IsRegular() && info.Size() == desc.Size
}

func (l *layout) Info(_ context.Context, d digest.Digest) (content.Info, error) {
	if d.Validate() != nil {
		return content.Info{}, errdefs.ErrInvalidArgument
	}
	info, err := os.Stat(l.path(d))
	if err != nil {
		return content.Info{}, errdefs.ErrNotFound
	}
	return content.Info{Digest: d, Size: info.Size()}, nil
}

func (l *layout) Writer(_ context.Context, opts ...content.WriterOpt) (content.Writer, error) {
	var o content.WriterOpts
	for _, opt := range opts {
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if err := o.Desc.Digest.Validate(); err != nil || o.Desc.Digest.Algorithm() != digest.SHA256 {
		return nil, fmt.Errorf("blob %q: %w", o.Desc.Digest, errdefs.ErrInvalidArgument)
	}
	if l.has(o.Desc) {
		return nil, errdefs.ErrAlreadyExists
	}
	w, err := l.create(o)
	if err != nil {
		return nil, err
	}
	if l.copyLocal(w) {
		return nil, errdefs.ErrAlreadyExists
	}
	return w, nil
}

func (l *layout) create(o content.WriterOpts) (*blobWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(l.path(o.Desc.Digest)), ".incoming-*")
	if err != nil {
		return nil, err
	}
	return &blobWriter{layout: l, file: f, hash: sha256.New(), status: content.Status{Ref: o.Ref, Total: o.Desc.Size, Expected: o.Desc.Digest}}, nil
}

// copyLocal takes a blob from the engine's own directory, which is many times
// cheaper than through its socket. Bytes that are not what was asked for are
// dropped, and the engine is asked.
func (l *layout) copyLocal(w *blobWriter) bool {
	if l.local == "" {
		return false
	}
	f, err := os.Open(filepath.Join(l.local, w.status.Expected.Encoded()))
	if err != nil {
		return false
	}
	defer f.Close()
	if _, err := io.CopyBuffer(w, io.LimitReader(f, w.status.Total+1), make([]byte, 1<<20)); err != nil {
		_ = w.Truncate(0)
		return false
	}
	if err := w.Commit(context.Background(), w.status.Total, w.status.Expected); err != nil {
		_ = w.Truncate(0)
		return false
	}
	return true
}

// finish writes the layout's own files: its index names the one image.
// Blobs of earlier images stay; they are what makes the next build cheap.
func (l *layout) finish(image ocispec.Descriptor) error {
	marker, err := json.Marshal(ocispec.ImageLayout{Version: ocispec.ImageLayoutVersion})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing layout %s", l.dir)
	}
	index, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2},
		MediaType: ocispec.MediaTypeImageIndex,
		Manifests: []ocispec.Descriptor{{MediaType: image.MediaType, Digest: image.Digest, Size: image.Size}},
	})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing layout %s", l.dir)
	}
	return errors.Join(
		replaceFile(filepath.Join(l.dir, ocispec.ImageLayoutFile), marker),
		replaceFile(filepath.Join(l.dir, ocispec.ImageIndexFile), index))
}

func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".incoming-*")
	if err != nil {
		return fault.Wrap(fault.Build, err, "writing %s", path)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fault.Wrap(fault.Build, err, "writing %s", path)
	}
	return nil
}

// blobWriter writes one blob of a layout.
type blobWriter struct {
	layout *layout
	file   *os.File
	hash   hash.Hash
	status content.Status
	done   bool
}

func (w *blobWriter) Write(b []byte) (int, error) {
	n, err := w.file.Write(b)
	w.hash.Write(b[:n])
	w.status.Offset += int64(n)
	return n, err
}

func (w *blobWriter) Digest() digest.Digest {
	return digest.NewDigest(digest.SHA256, w.hash)
}

func (w *blobWriter) Status() (content.Status, error) { return w.status, nil }

func (w *blobWriter) Truncate(size int64) error {
	if size != 0 {
		return refuse("truncate")
	}
	w.hash.Reset()
	w.status.Offset = 0
	if _, err := w.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return w.file.Truncate(0)
}

func (w *blobWriter) Commit(_ context.Context, size int64, expected digest.Digest, _ ...content.Opt) error {
	if expected == "" {
		expected = w.status.Expected
	}
	if w.status.Offset != size && size > 0 || w.Digest() != expected {
		return fmt.Errorf("blob %s came as %s, %d of %d bytes: %w", expected, w.Digest(), w.status.Offset, size, errdefs.ErrFailedPrecondition)
	}
	err := errors.Join(w.file.Chmod(0o644), w.file.Sync(), w.file.Close())
	if err == nil {
		err = os.Rename(w.file.Name(), w.layout.path(expected))
	}
	if err != nil {
		return err
	}
	w.done = true
	w.layout.mu.Lock()
	w.layout.written += w.status.Offset
	w.layout.mu.Unlock()
	return nil
}

// Close discards what was not committed.
func (w *blobWriter) Close() error {
	if w.done {
		return nil
	}
	w.done = true
	return errors.Join(w.file.Close(), os.Remove(w.file.Name()))
}

// maxDocument bounds an index, manifest or configuration, in bytes.
const maxDocument = 16 << 20

// readJSON reads a document of the layout, by hash.
func (l *layout) readJSON(desc ocispec.Descriptor, into any) error {
	if err := desc.Digest.Validate(); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading document %q", desc.Digest)
	}
	f, err := os.Open(l.path(desc.Digest))
	if err != nil {
		return fault.Wrap(fault.Build, err, "reading document %s", desc.Digest)
	}
	defer f.Close()
	b, err := limitio.ReadAll(f, maxDocument)
	if err != nil {
		return fault.Wrap(fault.Integrity, err, "reading document %s", desc.Digest)
	}
	if got := digest.FromBytes(b); got != desc.Digest {
		return fault.New(fault.Integrity, "reading document %s: the bytes are those of %s", desc.Digest, got)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading document %s", desc.Digest)
	}
	return nil
}
