package deb

import (
	"bufio"
	"compress/gzip"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// XZ returns a reader of xz data that allocates a dictionary of at most
// MaxDict and fails with limitio.ErrTooLarge beyond limit unpacked bytes.
func XZ(r io.Reader, limit int64) (io.Reader, error) {
	z, err := xz.NewReader(bufio.NewReaderSize(r, 1<<16), MaxDict)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading an xz header")
	}
	return limitio.Reader(z, limit), nil
}

// decompress picks the reader by the member's suffix: the forms that deb(5)
// lists, without the long dead bzip2 and lzma.
func decompress(suffix string, r io.Reader, limit int64) (io.Reader, func(), error) {
	nothing := func() {}
	switch suffix {
	case ".xz":
		z, err := XZ(r, limit)
		return z, nothing, err
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(MaxDict), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, fault.Wrap(fault.Integrity, err, "reading a zstd header")
		}
		return limitio.Reader(z, limit), z.Close, nil
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Integrity, err, "reading a gzip header")
		}
		return limitio.Reader(z, limit), nothing, nil
	case "":
		return limitio.Reader(r, limit), nothing, nil
	}
	return nil, nil, fault.New(fault.Integrity, "unknown compression %q", suffix)
}
