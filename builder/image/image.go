package image

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Media types that are read and written.
const (
	MediaTypeIndex    = "application/vnd.oci.image.index.v1+json"
	MediaTypeManifest = "application/vnd.oci.image.manifest.v1+json"
	MediaTypeConfig   = "application/vnd.oci.image.config.v1+json"
	MediaTypeTar      = "application/vnd.oci.image.layer.v1.tar"
	MediaTypeTarGzip  = "application/vnd.oci.image.layer.v1.tar+gzip"
	MediaTypeTarZstd  = "application/vnd.oci.image.layer.v1.tar+zstd"

	dockerIndex     = "application/vnd.docker.distribution.manifest.list.v2+json"
	dockerManifest  = "application/vnd.docker.distribution.manifest.v2+json"
	dockerConfig    = "application/vnd.docker.container.image.v1+json"
	dockerLayerGzip = "application/vnd.docker.image.rootfs.diff.tar.gzip"
	dockerLayerTar  = "application/vnd.docker.image.rootfs.diff.tar"
	dockerLayerZstd = "application/vnd.docker.image.rootfs.diff.tar.zstd"
)

// AnnotationRefName names an image in the index of an OCI layout.
const AnnotationRefName = "org.opencontainers.image.ref.name"

// Descriptor points to a blob or manifest. Digest is "sha256:<hex>", Size is
// in bytes.
type Descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	URLs         []string          `json:"urls,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *PlatformSpec     `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

// PlatformSpec is the platform of a descriptor in an index.
type PlatformSpec struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

// String gives "linux/amd64", with the variant where it says something: the
// only variant of arm64 in use is v8, and it is left out.
func (p PlatformSpec) String() string {
	name := p.OS + "/" + p.Architecture
	if p.Variant != "" && (p.Architecture != "arm64" || p.Variant != "v8") {
		name += "/" + p.Variant
	}
	return name
}

// Image is an index over platform manifests, or a single platform manifest.
type Image struct {
	desc      Descriptor
	raw       []byte // the index or manifest that desc points to
	children  []child
	platforms []*Platform
	name      string // annotation AnnotationRefName of the layout it was read from
}

// child is one manifest of an index, or the only manifest; others than
// platform images (build provenance) are carried along, never interpreted.
type child struct {
	desc  Descriptor
	raw   []byte
	blobs []Descriptor // config and layers
	src   source
}

// Platform is the image of one platform.
type Platform struct {
	name   string
	child  child
	config Config
	layers []Layer
}

// Layer is one layer. Index counts from 0, the lowest layer.
type Layer struct {
	Index     int    `json:"index"`
	Digest    string `json:"digest"`
	DiffID    string `json:"diffID"`
	MediaType string `json:"mediaType"`
	Size      int64  `json:"size"` // compressed bytes
	CreatedBy string `json:"createdBy,omitempty"`
}

// Digest is the digest of the index, or of the single manifest.
func (i *Image) Digest() string { return i.desc.Digest }

// Descriptor points to the index, or to the single manifest.
func (i *Image) Descriptor() Descriptor {
	d := i.desc
	d.Annotations, d.Platform = nil, nil
	return d
}

// Raw returns the bytes of the index, or of the single manifest.
func (i *Image) Raw() []byte { return slices.Clone(i.raw) }

// RefName is the name the image has in the layout it was read from, or "".
func (i *Image) RefName() string { return i.name }

// Platforms returns the platform images, sorted by name.
func (i *Image) Platforms() []*Platform { return slices.Clone(i.platforms) }

// Platform returns one platform image by name ("linux/amd64"). An empty name
// selects the only one there is.
func (i *Image) Platform(name string) (*Platform, error) {
	if name == "" && len(i.platforms) == 1 {
		return i.platforms[0], nil
	}
	var have []string
	for _, p := range i.platforms {
		if p.name == name {
			return p, nil
		}
		have = append(have, p.name)
	}
	return nil, fault.New(fault.Usage, "selecting platform %q of image %s", name, i.Digest()).
		Hint("the image has %s", strings.Join(have, ", "))
}

// Name is the platform as "linux/amd64".
func (p *Platform) Name() string { return p.name }

// Digest is the digest of the platform's manifest.
func (p *Platform) Digest() string { return p.child.desc.Digest }

// Descriptor points to the platform's manifest.
func (p *Platform) Descriptor() Descriptor {
	return Descriptor{MediaType: p.child.desc.MediaType, Digest: p.child.desc.Digest, Size: p.child.desc.Size}
}

// Raw returns the bytes of the platform's manifest.
func (p *Platform) Raw() []byte { return slices.Clone(p.child.raw) }

// Config returns the image config.
func (p *Platform) Config() Config { return p.config }

// Layers returns the layers, lowest first.
func (p *Platform) Layers() []Layer { return slices.Clone(p.layers) }

// ReadConfig returns the bytes of the image config, verified.
func (p *Platform) ReadConfig(ctx context.Context) ([]byte, error) {
	return readBlob(ctx, p.child.src, p.child.blobs[0], MaxConfigSize)
}

func sortPlatforms(ps []*Platform) {
	slices.SortFunc(ps, func(a, b *Platform) int { return cmp.Compare(a.name, b.name) })
}
