package image

import (
	"context"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/sync/errgroup"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/registry"
)

// uploads is how many blobs are sent at once.
const uploads = 4

// Push writes an image to a registry as Upload does, and then moves the tag of
// ref, if it has one. It returns the reference by digest.
func Push(ctx context.Context, img *Image, ref string, o Options) (string, error) {
	pushed, err := Upload(ctx, img, ref, o)
	if err != nil {
		return "", err
	}
	return pushed, Tag(ctx, img, ref, o)
}

// Upload writes an image to the repository of ref: blobs the repository lacks,
// manifests by digest, the root last. No tag is touched. A ref with a digest
// must name the image's own. It returns the reference by digest
// ("registry/name@sha256:<hex>").
//
// Errors: fault.Usage for the reference, fault.Network for the registry,
// fault.Integrity where the image's own bytes do not fit, or the registry says
// that it stored others.
func Upload(ctx context.Context, img *Image, ref string, o Options) (string, error) {
	parsed, err := parseReference(ref, o)
	if err != nil {
		return "", err
	}
	if d, ok := parsed.(name.Digest); ok && d.DigestStr() != img.Digest() {
		return "", fault.New(fault.Usage, "pushing %s: the image is %s", ref, img.Digest())
	}
	to, err := registry.Connect(o.connection())
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "preparing to push %s", parsed)
	}
	repo := parsed.Context()
	contents := img.closure()
	if err := pushBlobs(ctx, to, repo, contents); err != nil {
		return "", err
	}
	for _, c := range contents {
		if !c.manifest {
			continue
		}
		err := to.Insist(ctx, func(with ...remote.Option) error {
			return remote.Push(repo.Digest(c.desc.Digest), rawManifest{c}, with...)
		})
		if err != nil {
			return "", registry.Fault(err, "pushing manifest %s to %s", c.desc.Digest, repo)
		}
	}
	return repo.Digest(img.Digest()).Name(), nil
}

// Tag lets the tag of ref stand for an image that was uploaded to its
// repository, so that a tag never stands for less than all of what belongs to
// the image. A ref with a digest has no tag: nothing is done. Errors are Upload's.
func Tag(ctx context.Context, img *Image, ref string, o Options) error {
	parsed, err := parseReference(ref, o)
	if err != nil {
		return err
	}
	tag, ok := parsed.(name.Tag)
	if !ok {
		return nil
	}
	to, err := registry.Connect(o.connection())
	if err != nil {
		return fault.Wrap(fault.Internal, err, "preparing to tag %s", tag)
	}
	contents := img.closure()
	root := contents[len(contents)-1]
	err = to.Insist(ctx, func(with ...remote.Option) error { return remote.Put(tag, rawManifest{root}, with...) })
	if err != nil {
		return registry.Fault(err, "tagging %s", tag)
	}
	return nil
}

func pushBlobs(ctx context.Context, to *registry.Link, repo name.Repository, contents []content) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(uploads)
	for _, c := range contents {
		if c.manifest {
			continue
		}
		g.Go(func() error {
			b := &upload{ctx: ctx, content: c}
			layer, err := partial.CompressedToLayer(b)
			if err != nil {
				return fault.Wrap(fault.Internal, err, "pushing blob %s", c.desc.Digest)
			}
			err = to.Insist(ctx, func(with ...remote.Option) error { return remote.WriteLayer(repo, layer, with...) })
			if b.err != nil {
				return b.err
			}
			if err != nil {
				return registry.Fault(err, "pushing blob %s to %s", c.desc.Digest, repo)
			}
			return nil
		})
	}
	return g.Wait()
}

// rawManifest is a manifest with nothing below it: its blobs are pushed apart.
type rawManifest struct{ content }

func (m rawManifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m rawManifest) MediaType() (types.MediaType, error) { return mediaType(m.desc), nil }

// upload is a blob on its way. err is what reading it ended with, which a
// failed request would hide.
type upload struct {
	ctx context.Context
	content
	err error
}

func (u *upload) Digest() (v1.Hash, error)            { return v1.NewHash(u.desc.Digest) }
func (u *upload) Size() (int64, error)                { return u.desc.Size, nil }
func (u *upload) MediaType() (types.MediaType, error) { return mediaType(u.desc), nil }
func (u *upload) Compressed() (io.ReadCloser, error) {
	rc, err := u.open(u.ctx)
	if err != nil {
		u.err = err
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{&noting{rc, u}, rc}, nil
}

type noting struct {
	r io.Reader
	u *upload
}

func (n *noting) Read(p []byte) (int, error) {
	k, err := n.r.Read(p)
	if fault.Is(err, fault.Integrity) {
		n.u.err = err
	}
	return k, err
}
