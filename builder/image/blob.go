package image

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/lockforge/lockforge/builder/fault"
)

// Blobs lists what the platform's image is made of: its manifest, its
// configuration, and its layers, lowest first.
func (p *Platform) Blobs() []Descriptor {
	return append([]Descriptor{p.Descriptor()}, p.child.blobs...)
}

// OpenBlob opens one of Blobs. Its reader ends with fault.Integrity unless the
// bytes are those of the descriptor.
func (p *Platform) OpenBlob(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	if d.Digest == p.Digest() {
		return io.NopCloser(bytes.NewReader(p.child.raw)), nil
	}
	return openVerified(ctx, p.child.src, d)
}

// OpenManifest opens the image of one platform by the digest of its manifest,
// from a directory of blobs in the form of an OCI layout; its index.json is not
// looked at. A blob that is not there or not itself is fault.Integrity.
func OpenManifest(ctx context.Context, dir, digest string) (*Platform, error) {
	if !validDigest(digest) {
		return nil, fault.New(fault.Usage, "opening image %q: not sha256:<64 hex digits>", digest)
	}
	src := layoutDir{dir}
	info, err := os.Stat(src.path(digest))
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "opening image %s", digest)
	}
	root := Descriptor{MediaType: MediaTypeManifest, Digest: digest, Size: info.Size()}
	raw, err := readManifest(ctx, src, root)
	if err != nil {
		return nil, err
	}
	var says struct {
		MediaType string `json:"mediaType"`
	}
	// What is no JSON is refused by load.
	if json.Unmarshal(raw, &says) == nil && says.MediaType == dockerManifest {
		root.MediaType = dockerManifest
	}
	img, err := load(ctx, src, root)
	if err != nil {
		return nil, err
	}
	return img.platforms[0], nil
}
