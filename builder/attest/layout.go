package attest

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Annotations of a layout's index entries: the OCI name, and the kinds by
// which cosign finds an image and its signatures in a local directory.
const (
	annotationRefName = "org.opencontainers.image.ref.name"

	annotationKind   = "kind"
	kindImage        = "dev.cosignproject.cosign/image"
	kindIndex        = "dev.cosignproject.cosign/imageIndex"
	kindSignatures   = "dev.cosignproject.cosign/sigs"
	kindAttestations = "dev.cosignproject.cosign/atts"
)

// layoutDir keeps signatures in an OCI layout. A layout signed this way holds
// one image, since cosign has no way to say which image a signature is about.
type layoutDir string

// layoutIndex is index.json. Members that we do not know are kept.
type layoutIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	Manifests     []ociDescriptor   `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

func openLayout(ref string, o Options) (*Target, error) {
	dir, digest, name := splitLayoutRef(ref)
	index, err := layoutDir(dir).index()
	if err != nil {
		return nil, err
	}
	var found []ociDescriptor
	for _, d := range index.Manifests {
		if isImage(d) && (digest == "" || d.Digest == digest) && (name == "" || d.Annotations[annotationRefName] == name) {
			found = append(found, d)
		}
	}
	found = slices.CompactFunc(found, func(a, b ociDescriptor) bool { return a.Digest == b.Digest })
	if len(found) != 1 {
		return nil, fault.New(fault.Usage, "opening layout %s: %d images match %q", dir, len(found), ref).
			Hint("name one as oci:DIR@sha256:...")
	}
	if o.Name == "" {
		o.Name = "image"
	}
	return &Target{place: layoutDir(dir), subject: found[0], name: o.Name}, nil
}

// splitLayoutRef splits DIR[@DIGEST] or DIR[:NAME].
func splitLayoutRef(ref string) (dir, digest, name string) {
	if dir, digest, ok := strings.Cut(ref, "@"); ok {
		return dir, digest, ""
	}
	if st, err := os.Stat(ref); err == nil && st.IsDir() {
		return ref, "", ""
	}
	if colon := strings.LastIndexByte(ref, ':'); colon > strings.LastIndexByte(ref, '/') {
		return ref[:colon], "", ref[colon+1:]
	}
	return ref, "", ""
}

func isImage(d ociDescriptor) bool {
	switch d.Annotations[annotationKind] {
	case kindSignatures, kindAttestations:
		return false
	}
	return d.ArtifactType == "" && (strings.Contains(d.MediaType, "image.index") || strings.Contains(d.MediaType, "image.manifest") ||
		strings.Contains(d.MediaType, "distribution.manifest"))
}

// ours reports whether an entry carries records about subject.
func ours(d ociDescriptor) bool {
	switch d.ArtifactType {
	case artifactSignatures, artifactAttestations, mediaBundle:
		return true
	}
	kind := d.Annotations[annotationKind]
	return kind == kindSignatures || kind == kindAttestations
}

func (l layoutDir) index() (layoutIndex, error) {
	var index layoutIndex
	raw, err := l.readFile("index.json", maxManifestSize)
	if errors.Is(err, fs.ErrNotExist) {
		return index, fault.Wrap(fault.Usage, err, "opening layout %s", string(l))
	} else if err != nil {
		return index, fault.Wrap(fault.Integrity, err, "reading index.json of layout %s", string(l))
	}
	if err := json.Unmarshal(raw, &index); err != nil {
		return index, fault.Wrap(fault.Integrity, err, "reading index.json of layout %s", string(l))
	}
	return index, nil
}

func (l layoutDir) readFile(name string, limit int64) ([]byte, error) {
	return readFile(filepath.Join(string(l), name), limit)
}

// referrer is an entry of the index that carries records, with its bytes.
type referrer struct {
	desc ociDescriptor
	raw  []byte
}

// referrers returns the entries about subject. One without a subject was
// written by cosign, which keeps a single image in a layout.
func (l layoutDir) referrers(index layoutIndex, subject ociDescriptor) ([]referrer, error) {
	var found []referrer
	for _, d := range index.Manifests {
		if !ours(d) {
			continue
		}
		if len(found) == MaxRecords || d.Size > maxManifestSize {
			return nil, fault.New(fault.Signature, "reading signatures of layout %s: more than %d, or a manifest of %d bytes", string(l), MaxRecords, d.Size)
		}
		raw, err := l.blob(context.Background(), d)
		if err != nil {
			return nil, err
		}
		if digestOf(raw) != d.Digest {
			return nil, fault.New(fault.Signature, "reading signatures of layout %s: manifest %s has other bytes", string(l), d.Digest)
		}
		var m carrier
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fault.Wrap(fault.Signature, err, "reading signatures of layout %s", string(l))
		}
		if m.Subject == nil || m.Subject.Digest == subject.Digest {
			found = append(found, referrer{d, raw})
		}
	}
	return found, nil
}

func (l layoutDir) manifests(_ context.Context, subject ociDescriptor) ([][]byte, error) {
	index, err := l.index()
	if err != nil {
		return nil, err
	}
	found, err := l.referrers(index, subject)
	raws := make([][]byte, 0, len(found))
	for _, r := range found {
		raws = append(raws, r.raw)
	}
	return raws, err
}

func (l layoutDir) blob(_ context.Context, d ociDescriptor) ([]byte, error) {
	hex, ok := strings.CutPrefix(d.Digest, "sha256:")
	if !ok || len(hex) != 64 || strings.Trim(hex, "0123456789abcdef") != "" {
		return nil, fault.New(fault.Signature, "reading layout %s: digest %q", string(l), d.Digest)
	}
	raw, err := l.readFile(filepath.Join("blobs", "sha256", hex), d.Size)
	if err != nil {
		return nil, fault.Wrap(fault.Signature, err, "reading signature blob %s of layout %s", d.Digest, string(l))
	}
	return raw, nil
}

// replace writes blobs first and index.json last, so that an interrupted run
// leaves the layout as it was. Blobs of superseded signatures are removed.
func (l layoutDir) replace(_ context.Context, subject ociDescriptor, packs []pack) error {
	index, err := l.index()
	if err != nil {
		return err
	}
	superseded, err := l.referrers(index, subject)
	if err != nil {
		return err
	}
	kept := make([]ociDescriptor, 0, len(index.Manifests)+len(packs))
	for _, d := range index.Manifests {
		if slices.ContainsFunc(superseded, func(r referrer) bool { return r.desc.Digest == d.Digest }) {
			continue
		}
		if d.Digest == subject.Digest {
			d.Annotations = withKind(d.Annotations, imageKind(d.MediaType))
		}
		kept = append(kept, d)
	}
	old := signatureBlobs(superseded)
	for _, p := range packs {
		for _, content := range append(p.blobs, p.raw) {
			if err := l.put(content); err != nil {
				return err
			}
			delete(old, digestOf(content))
		}
		d := p.desc
		switch d.ArtifactType {
		case artifactSignatures:
			d.Annotations = withKind(nil, kindSignatures)
		case artifactAttestations:
			d.Annotations = withKind(nil, kindAttestations)
		}
		kept = append(kept, d)
	}
	index.Manifests = kept
	raw, err := encode(index)
	if err != nil {
		return err
	}
	if err := l.write("index.json", raw); err != nil {
		return err
	}
	return l.sweep(old)
}

// signatureBlobs lists the blobs that belong to signatures alone.
func signatureBlobs(referrers []referrer) map[string]bool {
	blobs := map[string]bool{}
	for _, r := range referrers {
		blobs[r.desc.Digest] = true
		var m carrier
		if json.Unmarshal(r.raw, &m) != nil {
			continue
		}
		for _, layer := range m.Layers {
			if _, known := kindOf(layer.MediaType); known {
				blobs[layer.Digest] = true
			}
		}
	}
	return blobs
}

func (l layoutDir) sweep(digests map[string]bool) error {
	for digest := range digests {
		name := filepath.Base(strings.TrimPrefix(digest, "sha256:"))
		err := os.Remove(filepath.Join(string(l), "blobs", "sha256", name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fault.Wrap(fault.Sign, err, "removing the old signature %s", digest)
		}
	}
	return nil
}

func (l layoutDir) put(content []byte) error {
	name := filepath.Join("blobs", "sha256", strings.TrimPrefix(digestOf(content), "sha256:"))
	if have, err := l.readFile(name, int64(len(content))); err == nil && slices.Equal(have, content) {
		return nil
	}
	return l.write(name, content)
}

// write replaces a file in one step.
func (l layoutDir) write(name string, content []byte) error {
	path := filepath.Join(string(l), name)
	f, err := os.CreateTemp(filepath.Dir(path), ".sign-*")
	if err != nil {
		return fault.Wrap(fault.Sign, err, "writing %s of layout %s", name, string(l))
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fault.Wrap(fault.Sign, errors.Join(err, os.Remove(f.Name())), "writing %s of layout %s", name, string(l))
	}
	return nil
}

func imageKind(media string) string {
	if strings.Contains(media, "index") || strings.Contains(media, "manifest.list") {
		return kindIndex
	}
	return kindImage
}

func withKind(annotations map[string]string, kind string) map[string]string {
	out := map[string]string{annotationKind: kind}
	for k, v := range annotations {
		if k != annotationKind {
			out[k] = v
		}
	}
	return out
}
