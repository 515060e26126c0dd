package image

import (
	"encoding/json"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
)

// Compose makes an OCI index over platform images. Its bytes depend on the
// platforms' manifests only: entries are sorted by platform, annotations and
// build provenance that the images were read with are left behind.
func Compose(platforms []*Platform) (*Image, error) {
	sorted := slices.Clone(platforms)
	sortPlatforms(sorted)
	index := indexJSON{SchemaVersion: 2, MediaType: MediaTypeIndex, Manifests: []Descriptor{}}
	img := &Image{platforms: sorted}
	for n, p := range sorted {
		if n > 0 && p.name == sorted[n-1].name {
			return nil, fault.New(fault.Usage, "composing an index: platform %s is given twice", p.name)
		}
		d := p.Descriptor()
		d.Platform = &PlatformSpec{OS: p.config.OS, Architecture: p.config.Architecture, Variant: p.config.Variant}
		index.Manifests = append(index.Manifests, d)
		c := p.child
		c.desc = d
		img.children = append(img.children, c)
	}
	if len(sorted) == 0 {
		return nil, fault.New(fault.Internal, "composing an index of no platforms")
	}
	raw, err := json.Marshal(index)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "composing an index")
	}
	img.raw = raw
	img.desc = Descriptor{MediaType: MediaTypeIndex, Digest: digestOf(raw), Size: int64(len(raw))}
	return img, nil
}
