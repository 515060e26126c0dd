package image

import (
	"bytes"
	"context"
	"io"
)

// content is one blob of an image's closure: everything its root points to.
type content struct {
	desc     Descriptor
	manifest bool
	raw      []byte // of manifests
	src      source // of blobs
}

// open returns the verified bytes.
func (c content) open(ctx context.Context) (io.ReadCloser, error) {
	if c.manifest {
		return io.NopCloser(bytes.NewReader(c.raw)), nil
	}
	return openVerified(ctx, c.src, c.desc)
}

// closure lists every blob once: blobs first, then manifests, then the root,
// the order in which they may be written so that nothing points to a blob
// that is not there yet.
func (i *Image) closure() []content {
	var blobs, manifests []content
	seen := map[string]bool{}
	add := func(to *[]content, c content) {
		if !seen[c.desc.Digest] {
			seen[c.desc.Digest] = true
			*to = append(*to, c)
		}
	}
	for _, c := range i.children {
		for _, b := range c.blobs {
			add(&blobs, content{desc: b, src: c.src})
		}
		add(&manifests, content{desc: c.desc, manifest: true, raw: c.raw})
	}
	add(&manifests, content{desc: i.desc, manifest: true, raw: i.raw})
	return append(blobs, manifests...)
}
