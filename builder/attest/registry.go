package attest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/internal/registry"
)

// repository keeps signatures beside an image in a registry.
type repository struct {
	repo name.Repository
	link *registry.Link
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
	link, err := registry.Connect(registry.Options{Transport: o.Transport, Patience: o.Patience})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing to read %s", parsed)
	}
	r := repository{repo: parsed.Context(), link: link}
	var head *remote.Descriptor
	err = link.Insist(ctx, func(with ...remote.Option) (err error) { head, err = remote.Get(parsed, with...); return })
	if err != nil {
		return nil, registry.Fault(err, "finding %s", parsed)
	}
	if digestOf(head.Manifest) != head.Digest.String() {
		return nil, fault.New(fault.Integrity, "finding %s: the registry's manifest does not match %s", ref, head.Digest)
	}
	subject := ociDescriptor{MediaType: string(head.MediaType), Digest: head.Digest.String(), Size: head.Size}
	return &Target{place: r, subject: subject, name: parsed.Context().Name()}, nil
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
	var d *remote.Descriptor
	err := r.link.Insist(ctx, func(with ...remote.Option) (err error) { d, err = remote.Get(ref, with...); return })
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, registry.Fault(err, "reading %s", ref)
	}
	return d.Manifest, nil
}

// referrers lists the referrers that may carry records, by the API or, where
// the registry has none, by the tag that the OCI distribution spec falls back
// to. Some registries list a bundle under its config's type, the empty one.
func (r repository) referrers(ctx context.Context, subject ociDescriptor) ([]ociDescriptor, error) {
	var raw []byte
	err := r.link.Insist(ctx, func(with ...remote.Option) error {
		index, err := remote.Referrers(r.repo.Digest(subject.Digest), with...)
		if err == nil {
			raw, err = index.RawManifest()
		}
		return err
	})
	if err != nil {
		return nil, registry.Fault(err, "listing referrers of %s", subject.Digest)
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
	var content []byte
	var reading error // the registry has begun to answer
	err = r.link.Insist(ctx, func(with ...remote.Option) error {
		reading = nil
		layer, err := remote.Layer(ref, with...)
		if err != nil {
			return err
		}
		rc, err := layer.Compressed()
		if err != nil {
			return err
		}
		defer rc.Close()
		content, reading = limitio.ReadAll(rc, d.Size)
		return reading
	})
	if reading != nil {
		return nil, fault.Wrap(fault.Signature, reading, "reading signature blob %s", d.Digest)
	}
	if err != nil {
		return nil, registry.Fault(err, "reading signature blob %s", d.Digest)
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
			layer := static.NewLayer(content, types.OCIUncompressedLayer)
			err := r.link.Insist(ctx, func(with ...remote.Option) error { return remote.WriteLayer(r.repo, layer, with...) })
			if err != nil {
				return registry.Fault(err, "uploading signatures of %s", subject.Digest)
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
			if err := r.put(ctx, ref, raw{p.raw, mediaManifest}); err != nil {
				return registry.Fault(err, "uploading %s", ref)
			}
		}
	}
	stale := slices.DeleteFunc(before, func(d ociDescriptor) bool { return current[d.Digest] })
	return r.retire(ctx, subject, stale)
}

func (r repository) put(ctx context.Context, ref name.Reference, m raw) error {
	return r.link.Insist(ctx, func(with ...remote.Option) error { return remote.Put(ref, m, with...) })
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
		if err := r.put(ctx, tag, raw{updated, mediaIndex}); err != nil {
			return registry.Fault(err, "writing the list of referrers %s", tag)
		}
	}
	for _, d := range stale {
		err := r.link.Insist(ctx, func(with ...remote.Option) error { return remote.Delete(r.repo.Digest(d.Digest), with...) })
		if err != nil && !missing(err) && !refused(err) {
			return registry.Fault(err, "removing the old signature %s", d.Digest)
		}
	}
	return nil
}

func missing(err error) bool { return registry.HasStatus(err, http.StatusNotFound) }

// refused reports that the registry does not offer deletion to this user.
func refused(err error) bool {
	return registry.HasStatus(err, http.StatusMethodNotAllowed, http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest)
}
