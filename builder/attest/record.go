package attest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
)

// Bounds of what is read about one image. A registry's answer is anybody's
// bytes until a signature is checked.
const (
	MaxRecords      = 1000
	MaxRecordBytes  = 64 << 20  // one envelope, bundle or payload
	MaxTotalBytes   = 256 << 20 // all of one image's
	maxManifestSize = 4 << 20
)

type recordKind int

const (
	imageSignature recordKind = iota // cosign simple signing
	attestation                      // DSSE envelope
	sigstoreBundle                   // either, as a sigstore bundle
)

// record is one signed thing that refers to an image: a layer of cosign's
// signature or attestation manifest, or a bundle with a manifest of its own.
type record struct {
	kind        recordKind
	media       string
	content     []byte
	annotations map[string]string
}

// Artifact types by which referrers are listed.
const (
	artifactSignatures   = "application/vnd.dev.cosign.artifact.sig.v1+json"
	artifactAttestations = "application/vnd.dev.cosign.artifact.att.v1+json"

	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaEmpty    = "application/vnd.oci.empty.v1+json"
)

// ociDescriptor is a content descriptor, OCI image spec 1.1.
type ociDescriptor struct {
	MediaType    string            `json:"mediaType"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     json.RawMessage   `json:"platform,omitempty"`
	URLs         []string          `json:"urls,omitempty"`
}

// carrier is an image manifest that carries records, with the image as its
// subject. Old clients find it by tag, new ones as a referrer.
type carrier struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        ociDescriptor     `json:"config"`
	Layers        []ociDescriptor   `json:"layers"`
	Subject       *ociDescriptor    `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// emptyConfig is the content that OCI 1.1 gives to artifacts without a config.
var emptyConfig = []byte("{}")

// pack is one manifest with its blobs, ready to be written.
type pack struct {
	raw   []byte
	desc  ociDescriptor
	blobs [][]byte
}

// packRecords puts records into one manifest about subject.
func packRecords(artifactType string, records []record, subject ociDescriptor) (pack, error) {
	subject = ociDescriptor{MediaType: subject.MediaType, Digest: subject.Digest, Size: subject.Size}
	m := carrier{
		SchemaVersion: 2, MediaType: mediaManifest, ArtifactType: artifactType,
		// cosign, and registries older than artifactType, go by the config's type.
		Config:  blobDescriptor(artifactType, emptyConfig),
		Subject: &subject,
	}
	p := pack{blobs: [][]byte{emptyConfig}}
	for _, r := range records {
		d := blobDescriptor(r.media, r.content)
		d.Annotations = r.annotations
		m.Layers = append(m.Layers, d)
		p.blobs = append(p.blobs, r.content)
	}
	if artifactType == mediaBundle {
		m.Config.MediaType = mediaEmpty
		m.Layers[0].Annotations = nil
		m.Annotations = records[0].annotations // sigstore's place for what a bundle holds
	}
	raw, err := encode(m)
	if err != nil {
		return pack{}, err
	}
	p.raw = raw
	p.desc = blobDescriptor(mediaManifest, raw)
	p.desc.ArtifactType = artifactType
	return p, nil
}

// packs turns the records of an image into its manifests: one of signatures,
// one of attestations, and one for each bundle.
func packs(records []record, subject ociDescriptor) ([]pack, error) {
	var all []pack
	for _, group := range []struct {
		kind         recordKind
		artifactType string
	}{{imageSignature, artifactSignatures}, {attestation, artifactAttestations}} {
		if members := ofKind(records, group.kind); len(members) > 0 {
			p, err := packRecords(group.artifactType, members, subject)
			if err != nil {
				return nil, err
			}
			all = append(all, p)
		}
	}
	for _, r := range ofKind(records, sigstoreBundle) {
		p, err := packRecords(mediaBundle, []record{r}, subject)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func ofKind(records []record, kind recordKind) []record {
	var members []record
	for _, r := range records {
		if r.kind == kind {
			members = append(members, r)
		}
	}
	return members
}

// kindOf tells what a layer of a referring manifest is; layers that are none
// of ours are not read.
func kindOf(media string) (recordKind, bool) {
	i := slices.Index([]string{mediaSimpleSigning, mediaDSSE, mediaBundle}, media)
	return recordKind(i), i >= 0
}

func blobDescriptor(media string, content []byte) ociDescriptor {
	return ociDescriptor{MediaType: media, Digest: digestOf(content), Size: int64(len(content))}
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}
