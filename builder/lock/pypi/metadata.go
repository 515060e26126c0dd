package pypi

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/wheel"
)

// metadata returns the core metadata of a candidate, which uv resolves with.
// For a wheel of an index it is what the index offers apart from the wheel
// (PEP 658), else it is read from the end of the wheel, without its content. It
// is kept in the cache by the wheel's hash. When the wheel itself is accepted
// later, what was used here must be what is in it.
func (r *resolver) metadata(ctx context.Context, c *candidate) ([]byte, error) {
	return r.texts.do("metadata "+c.file.SHA256, func() ([]byte, error) {
		if c.sdist || c.file.Index == localIndex {
			return r.builtMetadata(ctx, c)
		}
		cached := r.metadataPath(c.file.SHA256)
		if f, err := os.Open(cached); err == nil {
			defer f.Close()
			if text, err := limitio.ReadAll(f, wheel.MaxMetadata); err == nil && len(text) > 0 {
				return text, nil
			}
		}
		text, err := r.remoteMetadata(ctx, c)
		if err != nil {
			return nil, err
		}
		return text, keep(cached, text)
	})
}

func (r *resolver) metadataPath(sha string) string {
	return filepath.Join(r.req.CacheDir, "metadata", sha[:2], sha)
}

// keep writes a cache file in one step.
func keep(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.Wrap(fault.Internal, err, "keeping metadata")
	}
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "keeping metadata")
	}
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
		return fault.Wrap(fault.Internal, err, "keeping metadata")
	}
	return nil
}

// builtMetadata reads METADATA from a wheel that is, or comes to be, in the
// store.
func (r *resolver) builtMetadata(ctx context.Context, c *candidate) ([]byte, error) {
	w, err := r.obtain(ctx, c)
	if err != nil {
		return nil, err
	}
	blob, err := r.req.Store.Open(w.SHA256)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	opened, err := wheel.Open(blob, blob.Size(), w.File)
	if err != nil {
		return nil, err
	}
	return opened.Read(opened.Member(opened.DistInfo+"/METADATA"), wheel.MaxMetadata)
}

func (r *resolver) remoteMetadata(ctx context.Context, c *candidate) ([]byte, error) {
	if c.file.CoreMetadata {
		body, _, err := r.req.Index.Get(ctx, c.file.URL+".metadata", 0)
		if err == nil {
			text, err := limitio.ReadAll(body, wheel.MaxMetadata)
			if err = errors.Join(err, body.Close()); err == nil {
				return text, nil
			}
		}
		// The wheel has it as well.
		if ctx.Err() != nil {
			return nil, fault.Wrap(fault.Cancelled, ctx.Err(), "reading metadata of %s", c.name)
		}
	}
	size := c.file.Size
	if size <= 0 {
		var err error
		if size, err = r.req.Index.Head(ctx, c.file.URL); err != nil {
			return nil, err
		}
	}
	if size <= 0 {
		return r.builtMetadata(ctx, c)
	}
	remote := &remoteFile{ctx: ctx, index: r.req.Index, url: c.file.URL, size: size}
	text, err := readMetadata(remote, size)
	switch {
	case remote.err != nil:
		return nil, remote.err
	case err != nil:
		return nil, fault.Wrap(fault.Integrity, err, "reading metadata of %s on index %s", c.name, c.file.Index)
	}
	return text, nil
}

// readMetadata finds METADATA in a wheel that may be far away. The strict
// reader judges the wheel later; this one reads only what is needed.
func readMetadata(r io.ReaderAt, size int64) ([]byte, error) {
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return nil, err
	}
	for _, f := range archive.File {
		dir, rest, _ := strings.Cut(f.Name, "/")
		if rest != "METADATA" || !strings.HasSuffix(dir, ".dist-info") {
			continue
		}
		content, err := f.Open()
		if err != nil {
			return nil, err
		}
		defer content.Close()
		return limitio.ReadAll(content, wheel.MaxMetadata)
	}
	return nil, errors.New("no METADATA")
}

// remoteFile reads a file of an index by byte ranges. The end is read at once,
// with the central directory and usually all of .dist-info in it.
type remoteFile struct {
	ctx   context.Context
	index Index
	url   string
	size  int64

	tail   []byte // the last bytes of the file
	blocks map[int64][]byte
	total  int64
	err    error // the first error of the index
}

const (
	tailBytes  = 256 << 10
	blockBytes = 128 << 10
	// maxRemote bounds what is read of one wheel to learn its metadata.
	maxRemote = 64 << 20
)

// ReadAt implements io.ReaderAt. It is not safe for concurrent use.
func (f *remoteFile) ReadAt(p []byte, off int64) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= f.size {
			return n, io.EOF
		}
		chunk, err := f.chunk(at)
		if err != nil {
			f.err = err
			return n, err
		}
		n += copy(p[n:], chunk)
	}
	return n, nil
}

// chunk returns bytes of the file from at on, at least one.
func (f *remoteFile) chunk(at int64) ([]byte, error) {
	start := max(0, f.size-tailBytes)
	if at >= start {
		if f.tail == nil {
			var err error
			if f.tail, err = f.fetch(start, f.size-start); err != nil {
				return nil, err
			}
		}
		return f.tail[at-start:], nil
	}
	block := at / blockBytes * blockBytes
	content, ok := f.blocks[block]
	if !ok {
		var err error
		if content, err = f.fetch(block, min(blockBytes, f.size-block)); err != nil {
			return nil, err
		}
		if f.blocks == nil {
			f.blocks = map[int64][]byte{}
		}
		f.blocks[block] = content
	}
	return content[at-block:], nil
}

func (f *remoteFile) fetch(offset, n int64) ([]byte, error) {
	if f.total += n; f.total > maxRemote {
		return nil, fault.Wrap(fault.Integrity, &limitio.TooLarge{Limit: maxRemote}, "reading the directory of a wheel")
	}
	content, err := f.index.Range(f.ctx, f.url, offset, n)
	if err == nil && int64(len(content)) != n {
		err = fault.New(fault.Network, "reading bytes %d to %d of a wheel: %d bytes came", offset, offset+n, len(content))
	}
	return content, err
}

// sumOf is the SHA-256 of a text, in hex.
func sumOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
