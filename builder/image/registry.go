package image

import (
	"cmp"
	"context"
	"errors"
	"io"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/registry"
)

// repository is one repository of a registry.
type repository struct {
	repo   name.Repository
	puller *remote.Puller
}

func (r repository) open(ctx context.Context, d Descriptor) (io.ReadCloser, error) {
	layer, err := r.puller.Layer(ctx, r.repo.Digest(d.Digest))
	if err != nil {
		return nil, registry.Fault(err, "opening blob %s of %s", d.Digest, r.repo)
	}
	rc, err := layer.Compressed()
	if err != nil {
		return nil, registry.Fault(err, "opening blob %s of %s", d.Digest, r.repo)
	}
	return &remoteBlob{rc, d.Digest}, nil
}

// remoteBlob gives errors of the connection their kind. That bytes fit their
// digest is the verifier's business, above.
type remoteBlob struct {
	rc     io.ReadCloser
	digest string
}

func (b *remoteBlob) Read(p []byte) (int, error) {
	n, err := b.rc.Read(p)
	if err != nil && err != io.EOF {
		var reset interface{ Timeout() bool }
		if errors.As(err, &reset) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = registry.Fault(err, "reading blob %s", b.digest)
		}
	}
	return n, err
}

func (b *remoteBlob) Close() error { return b.rc.Close() }

func (r repository) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	got, err := r.puller.Get(ctx, r.repo.Digest(d.Digest))
	if err != nil {
		return nil, registry.Fault(err, "reading manifest %s of %s", d.Digest, r.repo)
	}
	return got.Manifest, nil
}

func openRemote(ctx context.Context, ref string, o Options) (*Image, error) {
	parsed, err := parseReference(ref, o)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(registry.Remote(o.connection())...)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing to read %s", parsed)
	}
	got, err := puller.Get(ctx, parsed)
	if err != nil {
		return nil, registry.Fault(err, "reading image %s", parsed)
	}
	if len(got.Manifest) > MaxManifestSize {
		return nil, fault.New(fault.Integrity, "reading image %s: a manifest of %d bytes", parsed, len(got.Manifest))
	}
	root := Descriptor{MediaType: string(got.MediaType), Digest: digestOf(got.Manifest), Size: int64(len(got.Manifest))}
	if byDigest, ok := parsed.(name.Digest); ok && byDigest.DigestStr() != root.Digest {
		return nil, fault.New(fault.Integrity, "reading image %s: the registry sent %s", parsed, root.Digest)
	}
	return load(ctx, fixed{repository{parsed.Context(), puller}, root.Digest, got.Manifest}, root)
}

// fixed answers for the root manifest with the bytes a tag stood for when it
// was read, so that a tag that moves meanwhile changes nothing.
type fixed struct {
	repository
	digest string
	raw    []byte
}

func (f fixed) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	if d.Digest == f.digest {
		return f.raw, nil
	}
	return f.repository.manifest(ctx, d)
}

func parseReference(ref string, o Options) (name.Reference, error) {
	var opts []name.Option
	if o.Insecure {
		opts = append(opts, name.Insecure)
	}
	parsed, err := name.ParseReference(ref, opts...)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading image reference %q", ref).
			Hint("write registry/name:tag, registry/name@sha256:..., oci:DIR or tar:FILE")
	}
	return parsed, nil
}

// connection says how the registry is talked to.
func (o Options) connection() registry.Options {
	return registry.Options{
		Transport: o.Transport, Attempts: o.Attempts, Stall: o.Stall,
		Patience: cmp.Or(o.Patience, registry.DefaultPatience),
	}
}

// mediaType is the type as go-containerregistry spells it.
func mediaType(d Descriptor) types.MediaType { return types.MediaType(d.MediaType) }
