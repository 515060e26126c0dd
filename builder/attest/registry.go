package attest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// repository keeps signatures beside an image in a registry.
type repository struct {
	repo    name.Repository
	options []remote.Option
}

func openRegistry(ctx context.Context, ref string, o Options) (*Target, error) {
	var naming []name.Option
	if o.Insecure {
		naming = append(naming, name.Insecure)
	}
	parsed, err := name.ParseReference(ref, naming...)
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading reference %q", ref)
	}
	r := repository{repo: parsed.Context(), options: []remote.Option{
		remote.WithAuthFromKeychain(authn.DefaultKeychain),
	}}
	if o.Transport != nil {
		r.options = append(r.options, remote.WithTransport(o.Transport))
	}
	head, err := remote.Get(parsed, r.with(ctx)...)
	if err != nil {
		return nil, networkFault(err, "finding %s", ref)
	}
	if digestOf(head.Manifest) != head.Digest.String() {
		return nil, fault.New(fault.Integrity, "finding %s: the registry's manifest does not match %s", ref, head.Digest)
	}
	subject := ociDescriptor{MediaType: string(head.MediaType), Digest: head.Digest.String(), Size: head.Size}
	return &Target{place: r, subject: subject, name: parsed.Context().Name()}, nil
}

func (r repository) with(ctx context.Context) []remote.Option {
	return append(slices.Clone(r.options), remote.WithContext(ctx))
}

// tag is where cosign looks: sha256-<hex>.sig and sha256-<hex>.att.
func (r repository) tag(subject, suffix string) name.Tag {
	return r.repo.Tag(strings.Replace(subject, ":", "-", 1) + suffix)
}

func (r repository) manifests(ctx context.Context, subject ociDescriptor) ([][]byte, error) {
	var raws [][]byte
	seen := map[string]bool{}
	tagged := map[string]bool{}
	for _, kind := range []struct{ artifactType, suffix string }{
		{artifactSignatures, ".sig"}, {artifactAttestations, ".att"},
	} {
		raw, err := r.get(ctx, r.tag(subject.Digest, kind.suffix))
		if err != nil {
			return nil, err
		}
		if raw != nil {
			raws = append(raws, raw)
			tagged[kind.artifactType] = true
		}
	}
	referrers, err := r.referrers(ctx, subject)
	if err != nil {
		return nil, err
	}
	for _, d := range referrers {
		// Where there is a tag it is the truth: a registry that does not
		// delete still lists what was superseded.
		if seen[d.Digest] || tagged[d.ArtifactType] {
			continue
		}
		seen[d.Digest] = true
		if d.Size > maxManifestSize {
			return nil, fault.New(fault.Signature, "reading referrer %s of %s: %d bytes", d.Digest, subject.Digest, d.Size)
		}
		raw, err := r.get(ctx, r.repo.Digest(d.Digest))
		if err != nil {
			return nil, err
		}
		if raw != nil {
			raws = append(raws, raw)
		}
	}
	return raws, nil
}

// get returns a manifest, or nil where there is none.
func (r repository) get(ctx context.Context, ref name.Reference) ([]byte, error) {
	d, err := remote.Get(ref, r.with(ctx)...)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, networkFault(err, "reading %s", ref)
	}
	return d.Manifest, nil
}

// referrers lists the referrers that may carry records, by the API or, where
// the registry has none, by the tag that the OCI distribution spec falls back
// to. Some registries list a bundle under its config's type, the empty one.
func (r repository) referrers(ctx context.Context, subject ociDescriptor) ([]ociDescriptor, error) {
	index, err := remote.Referrers(r.repo.Digest(subject.Digest), r.with(ctx)...)
	if err != nil {
		return nil, networkFault(err, "listing referrers of %s", subject.Digest)
	}
	raw, err := index.RawManifest()
	if err != nil {
		return nil, networkFault(err, "listing referrers of %s", subject.Digest)
	}
	var list layoutIndex
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fault.Wrap(fault.Signature, err, "listing referrers of %s", subject.Digest)
	}
	if len(list.Manifests) > MaxRecords {
		return nil, fault.New(fault.Signature, "listing referrers of %s: %d are more than %d", subject.Digest, len(list.Manifests), MaxRecords)
	}
	return slices.DeleteFunc(list.Manifests, func(d ociDescriptor) bool { return !ours(d) && d.ArtifactType != mediaEmpty }), nil
}

func (r repository) blob(ctx context.Context, d ociDescriptor) ([]byte, error) {
	ref, err := name.NewDigest(r.repo.Name()+"@"+d.Digest, name.Insecure)
	if err != nil {
		return nil, fault.Wrap(fault.Signature, err, "reading signature blob %q", d.Digest)
	}
	ref.Repository = r.repo
	layer, err := remote.Layer(ref, r.with(ctx)...)
	if err != nil {
		return nil, networkFault(err, "reading signature blob %s", d.Digest)
	}
	rc, err := layer.Compressed()
	if err != nil {
		return nil, networkFault(err, "reading signature blob %s", d.Digest)
	}
	defer rc.Close()
	content, err := limitio.ReadAll(rc, d.Size)
	if err != nil {
		return nil, fault.Wrap(fault.Signature, err, "reading signature blob %s", d.Digest)
	}
	return content, nil
}

// raw is a manifest as go-containerregistry wants to be handed it.
type raw struct {
	content []byte
	media   string
}

func (m raw) RawManifest() ([]byte, error)        { return m.content, nil }
func (m raw) MediaType() (types.MediaType, error) { return types.MediaType(m.media), nil }

// replace uploads blobs, then manifests by digest, which enters them as
// referrers, then moves cosign's tags.
func (r repository) replace(ctx context.Context, subject ociDescriptor, packs []pack) error {
	before, err := r.referrers(ctx, subject)
	if err != nil {
		return err
	}
	current := map[string]bool{}
	for _, p := range packs {
		current[p.desc.Digest] = true
		for _, content := range p.blobs {
			if err := remote.WriteLayer(r.repo, static.NewLayer(content, types.OCIUncompressedLayer), r.with(ctx)...); err != nil {
				return networkFault(err, "uploading signatures of %s", subject.Digest)
			}
		}
		refs := []name.Reference{r.repo.Digest(p.desc.Digest)}
		switch p.desc.ArtifactType {
		case artifactSignatures:
			refs = append(refs, r.tag(subject.Digest, ".sig"))
		case artifactAttestations:
			refs = append(refs, r.tag(subject.Digest, ".att"))
		}
		for _, ref := range refs {
			if err := remote.Put(ref, raw{p.raw, mediaManifest}, r.with(ctx)...); err != nil {
				return networkFault(err, "uploading %s", ref)
			}
		}
	}
	stale := slices.DeleteFunc(before, func(d ociDescriptor) bool { return current[d.Digest] })
	return r.retire(ctx, subject, stale)
}

// retire takes superseded manifests out of the list of referrers. Registries
// that refuse to delete keep them, which does no harm: the tags decide.
func (r repository) retire(ctx context.Context, subject ociDescriptor, stale []ociDescriptor) error {
	if len(stale) == 0 {
		return nil
	}
	gone := map[string]bool{}
	for _, d := range stale {
		gone[d.Digest] = true
	}
	tag := r.tag(subject.Digest, "")
	content, err := r.get(ctx, tag)
	if err != nil {
		return err
	}
	if content != nil {
		var list layoutIndex
		if err := json.Unmarshal(content, &list); err != nil {
			return fault.Wrap(fault.Network, err, "reading the list of referrers %s", tag)
		}
		list.Manifests = slices.DeleteFunc(list.Manifests, func(d ociDescriptor) bool { return gone[d.Digest] })
		updated, err := encode(list)
		if err != nil {
			return err
		}
		if err := remote.Put(tag, raw{updated, mediaIndex}, r.with(ctx)...); err != nil {
			return networkFault(err, "writing the list of referrers %s", tag)
		}
	}
	for _, d := range stale {
		err := remote.Delete(r.repo.Digest(d.Digest), r.with(ctx)...)
		if err != nil && !missing(err) && !refused(err) {
			return networkFault(err, "removing the old signature %s", d.Digest)
		}
	}
	return nil
}

func missing(err error) bool { return hasStatus(err, http.StatusNotFound) }

// refused reports that the registry does not offer deletion to this user.
func refused(err error) bool {
	return hasStatus(err, http.StatusMethodNotAllowed, http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest)
}

func hasStatus(err error, codes ...int) bool {
	var e *transport.Error
	return errors.As(err, &e) && slices.Contains(codes, e.StatusCode)
}

func networkFault(err error, format string, args ...any) error {
	if fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.Wrap(fault.Network, err, format, args...)
}
