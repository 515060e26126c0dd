package image

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// Options adjust how registries are reached. The zero value is the default:
// the user's docker credentials, TLS except on loopback.
type Options struct {
	Insecure  bool              // plain HTTP for registries off loopback as well
	Transport http.RoundTripper // nil: go-containerregistry's default
	Attempts  int               // per request; 0: 3
	Patience  time.Duration     // with a registry that cannot serve a push now; 0: 3 minutes, negative: none
	Stall     time.Duration     // how long a request may move no byte; 0: 25 seconds
}

// Open reads the index, manifests and configs of an image; layers are read
// later. ref is "oci:DIR", "oci:DIR@sha256:<hex>", "oci:DIR:NAME" (the name in
// the layout), "tar:FILE" (an OCI or docker archive), or a registry reference.
//
// Errors: fault.Usage where ref is no reference or is ambiguous,
// fault.Integrity where bytes do not fit, fault.Network for registries.
func Open(ctx context.Context, ref string, o Options) (*Image, error) {
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		return openLayout(ctx, dir)
	}
	if file, ok := strings.CutPrefix(ref, "tar:"); ok {
		return openArchive(ctx, file)
	}
	return openRemote(ctx, ref, o)
}

type indexJSON struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	Manifests     []Descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

type manifestJSON struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType,omitempty"`
	ArtifactType  string            `json:"artifactType,omitempty"`
	Config        Descriptor        `json:"config"`
	Layers        []Descriptor      `json:"layers"`
	Subject       *Descriptor       `json:"subject,omitempty"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// load reads what root points to in src.
func load(ctx context.Context, src source, root Descriptor) (*Image, error) {
	raw, err := readManifest(ctx, src, root)
	if err != nil {
		return nil, err
	}
	img := &Image{desc: root, raw: raw, name: root.Annotations[AnnotationRefName]}
	switch root.MediaType {
	case MediaTypeManifest, dockerManifest:
		err = img.add(ctx, src, root, raw)
	case MediaTypeIndex, dockerIndex:
		err = img.addIndex(ctx, src, raw)
	default:
		err = fault.New(fault.Integrity, "reading image %s: media type %q", root.Digest, root.MediaType)
	}
	if err != nil {
		return nil, err
	}
	if len(img.platforms) == 0 {
		return nil, fault.New(fault.Integrity, "reading image %s: it holds no platform image", root.Digest)
	}
	sortPlatforms(img.platforms)
	for n, p := range img.platforms[1:] {
		if p.name == img.platforms[n].name {
			return nil, fault.New(fault.Integrity, "reading image %s: two images for platform %s", root.Digest, p.name)
		}
	}
	return img, nil
}

func (i *Image) addIndex(ctx context.Context, src source, raw []byte) error {
	var index indexJSON
	if err := json.Unmarshal(raw, &index); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading index %s", i.desc.Digest)
	}
	if len(index.Manifests) > MaxManifests {
		return fault.New(fault.Integrity, "reading index %s: %d entries are more than %d", i.desc.Digest, len(index.Manifests), MaxManifests)
	}
	seen := map[string]bool{}
	for _, d := range index.Manifests {
		if d.MediaType != MediaTypeManifest && d.MediaType != dockerManifest {
			// Indexes inside indexes are legal and unused; following them
			// would let one small file fan out without end.
			return fault.New(fault.Integrity, "reading index %s: entry %s has media type %q", i.desc.Digest, d.Digest, d.MediaType)
		}
		if seen[d.Digest] {
			return fault.New(fault.Integrity, "reading index %s: entry %s is there twice", i.desc.Digest, d.Digest)
		}
		seen[d.Digest] = true
		raw, err := readManifest(ctx, src, d)
		if err != nil {
			return err
		}
		if err := i.add(ctx, src, d, raw); err != nil {
			return err
		}
	}
	return nil
}

// add reads one manifest. Manifests that are no image of a platform (build
// provenance, signatures) are kept as children only.
func (i *Image) add(ctx context.Context, src source, d Descriptor, raw []byte) error {
	var m manifestJSON
	if err := json.Unmarshal(raw, &m); err != nil {
		return fault.Wrap(fault.Integrity, err, "reading manifest %s", d.Digest)
	}
	if m.MediaType != "" && m.MediaType != d.MediaType {
		return fault.New(fault.Integrity, "reading manifest %s: it calls itself %q, its descriptor %q", d.Digest, m.MediaType, d.MediaType)
	}
	if len(m.Layers) > MaxLayers {
		return fault.New(fault.Integrity, "reading manifest %s: %d layers are more than %d", d.Digest, len(m.Layers), MaxLayers)
	}
	blobs := append([]Descriptor{m.Config}, m.Layers...)
	for _, b := range blobs {
		if err := checkDescriptor(b); err != nil {
			return err
		}
	}
	c := child{desc: d, raw: raw, blobs: blobs, src: src}
	i.children = append(i.children, c)
	if !isPlatformImage(d, m) {
		return nil
	}
	p, err := newPlatform(ctx, c, m)
	if err != nil {
		return err
	}
	if d.Platform != nil && d.Platform.String() != p.name {
		return fault.New(fault.Integrity, "reading manifest %s: the index says platform %s, the config %s", d.Digest, d.Platform, p.name)
	}
	i.platforms = append(i.platforms, p)
	return nil
}

func isPlatformImage(d Descriptor, m manifestJSON) bool {
	if m.Config.MediaType != MediaTypeConfig && m.Config.MediaType != dockerConfig {
		return false
	}
	unknown := d.Platform != nil && d.Platform.OS == "unknown" // BuildKit's provenance manifests
	return !unknown && m.ArtifactType == "" && m.Subject == nil
}

func newPlatform(ctx context.Context, c child, m manifestJSON) (*Platform, error) {
	raw, err := readBlob(ctx, c.src, m.Config, MaxConfigSize)
	if err != nil {
		return nil, err
	}
	config, err := parseConfig(raw)
	if err != nil {
		return nil, err
	}
	if len(config.DiffIDs) != len(m.Layers) {
		return nil, fault.New(fault.Integrity, "reading manifest %s: %d layers, %d diff IDs", c.desc.Digest, len(m.Layers), len(config.DiffIDs))
	}
	spec := PlatformSpec{OS: config.OS, Architecture: config.Architecture, Variant: config.Variant}
	p := &Platform{name: spec.String(), child: c, config: config}
	made := config.layerHistory(len(m.Layers))
	for n, l := range m.Layers {
		if compressionOf(l.MediaType) == unknownCompression {
			return nil, fault.New(fault.Integrity, "reading manifest %s: layer %d has media type %q", c.desc.Digest, n+1, l.MediaType)
		}
		p.layers = append(p.layers, Layer{Index: n, Digest: l.Digest, DiffID: config.DiffIDs[n], MediaType: l.MediaType, Size: l.Size, CreatedBy: made[n]})
	}
	return p, nil
}
