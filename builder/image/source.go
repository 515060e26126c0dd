package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// source is a place that keeps blobs. Its bytes are not trusted.
type source interface {
	// open returns the bytes of a config or layer.
	open(ctx context.Context, d Descriptor) (io.ReadCloser, error)
	// manifest returns the bytes of an index or manifest.
	manifest(ctx context.Context, d Descriptor) ([]byte, error)
}

func validDigest(d string) bool {
	hexa, ok := strings.CutPrefix(d, "sha256:")
	if !ok || len(hexa) != 64 {
		return false
	}
	return strings.Trim(hexa, "0123456789abcdef") == ""
}

func digestOf(raw []byte) string {
	sum := sha256.Sum256(raw)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func hexOf(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// readManifest returns an index or manifest whose digest and size are right.
func readManifest(ctx context.Context, src source, d Descriptor) ([]byte, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	raw, err := src.manifest(ctx, d)
	if err != nil {
		return nil, err
	}
	if digestOf(raw) != d.Digest || int64(len(raw)) != d.Size {
		return nil, fault.New(fault.Integrity, "reading manifest %s: got %s of %d bytes, want %d bytes", d.Digest, digestOf(raw), len(raw), d.Size)
	}
	return raw, nil
}

// readBlob returns a small blob whose digest and size are right.
func readBlob(ctx context.Context, src source, d Descriptor, limit int64) ([]byte, error) {
	if d.Size > limit {
		return nil, fault.New(fault.Integrity, "reading blob %s: %d bytes are more than %d", d.Digest, d.Size, limit)
	}
	rc, err := openVerified(ctx, src, d)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	return io.ReadAll(rc)
}

func checkDescriptor(d Descriptor) error {
	switch {
	case !validDigest(d.Digest):
		return fault.New(fault.Integrity, "reading descriptor: digest %q is not sha256:<64 hex digits>", d.Digest)
	case d.Size < 0:
		return fault.New(fault.Integrity, "reading descriptor %s: size %d", d.Digest, d.Size)
	case len(d.URLs) > 0:
		return fault.New(fault.Integrity, "reading descriptor %s: foreign content at other addresses is not read", d.Digest)
	}
	return nil
}

// openVerified returns a reader that ends with fault.Integrity unless exactly
// d's bytes were read.
func openVerified(ctx context.Context, src source, d Descriptor) (io.ReadCloser, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	rc, err := src.open(ctx, d)
	if err != nil {
		return nil, err
	}
	return &verifier{ctx: ctx, rc: rc, capped: limitio.Reader(rc, d.Size), sum: sha256.New(), want: d}, nil
}

type verifier struct {
	ctx    context.Context
	rc     io.ReadCloser
	capped io.Reader
	sum    hash.Hash
	n      int64
	want   Descriptor
}

func (v *verifier) Read(p []byte) (int, error) {
	if err := v.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := v.capped.Read(p)
	v.sum.Write(p[:n])
	v.n += int64(n)
	switch {
	case err == io.EOF:
		got := "sha256:" + hex.EncodeToString(v.sum.Sum(nil))
		if v.n != v.want.Size || got != v.want.Digest {
			return n, fault.New(fault.Integrity, "reading blob %s: got %s of %d bytes, want %d bytes", v.want.Digest, got, v.n, v.want.Size)
		}
	case errors.Is(err, limitio.ErrTooLarge):
		return n, fault.Wrap(fault.Integrity, err, "reading blob %s", v.want.Digest)
	}
	return n, err
}

func (v *verifier) Close() error { return v.rc.Close() }
