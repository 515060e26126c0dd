package solve

import (
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Holds reports whether a layout still has the whole image that an earlier Run
// left there: index, manifests and configurations with the bytes of their
// digests, layers with their sizes (their bytes are checked by whoever reads
// them). It also makes sure that the layout's index.json names the image.
func Holds(dir string, r *Result) bool {
	l := &layout{dir: dir}
	image, ok := l.complete(r)
	return ok && l.finish(image) == nil
}

// complete reports whether the layout holds a whole image.
func (l *layout) complete(r *Result) (ocispec.Descriptor, bool) {
	image := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageIndex, Digest: r.digest(), Size: r.Size}
	var index ocispec.Index
	if image.Digest.Validate() != nil || l.readJSON(image, &index) != nil {
		return image, false
	}
	for _, m := range index.Manifests {
		var manifest ocispec.Manifest
		var config ocispec.Image
		if l.readJSON(m, &manifest) != nil || l.readJSON(manifest.Config, &config) != nil {
			return image, false
		}
		for _, layer := range manifest.Layers {
			if !l.has(layer) {
				return image, false
			}
		}
	}
	return image, len(index.Manifests) > 0
}
