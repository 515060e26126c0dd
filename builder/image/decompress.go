package image

import (
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/lockforge/lockforge/builder/fault"
)

type compression int

const (
	unknownCompression compression = iota
	plainTar
	gzipTar
	zstdTar
)

func compressionOf(mediaType string) compression {
	switch mediaType {
	case MediaTypeTar, dockerLayerTar:
		return plainTar
	case MediaTypeTarGzip, dockerLayerGzip:
		return gzipTar
	case MediaTypeTarZstd, dockerLayerZstd:
		return zstdTar
	}
	return unknownCompression
}

// maxWindow is the memory that one zstd frame may ask for: what `zstd --long`
// uses, and sixteen times what the builders of images use.
const maxWindow = 128 << 20

func decompress(r io.Reader, c compression) (io.ReadCloser, error) {
	switch c {
	case plainTar:
		return io.NopCloser(r), nil
	case gzipTar:
		return gzip.NewReader(r)
	case zstdTar:
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fault.New(fault.Integrity, "unknown compression")
}

// counter counts what passes through.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// inflated stops archives that unpack to far more than they weigh.
type inflated struct {
	r   io.Reader
	in  *counter
	out int64
}

func (i *inflated) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	i.out += int64(n)
	if i.out > MaxLayerSize {
		return n, fault.New(fault.Integrity, "it unpacks to more than %d bytes", int64(MaxLayerSize))
	}
	if i.out > RatioFloor && i.out/MaxRatio > i.in.n {
		return n, fault.New(fault.Integrity, "%d bytes unpack to %d, more than %d-fold", i.in.n, i.out, MaxRatio)
	}
	return n, err
}
