package image

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// layoutDir is an OCI layout directory, OCI image spec "image-layout.md".
type layoutDir struct{ dir string }

func (l layoutDir) path(digest string) string {
	return filepath.Join(l.dir, "blobs", "sha256", hexOf(digest))
}

func (l layoutDir) open(_ context.Context, d Descriptor) (io.ReadCloser, error) {
	f, err := os.Open(l.path(d.Digest))
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "opening blob %s of layout %s", d.Digest, l.dir)
	}
	return f, nil
}

func (l layoutDir) manifest(ctx context.Context, d Descriptor) ([]byte, error) {
	return readSmall(ctx, l, d)
}

// readSmall reads an index or manifest from a source that keeps them as blobs.
func readSmall(ctx context.Context, src source, d Descriptor) ([]byte, error) {
	rc, err := src.open(ctx, d)
	if err != nil {
		return nil, err
	}
	defer rc.Close()
	raw, err := limitio.ReadAll(rc, MaxManifestSize)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading manifest %s", d.Digest)
	}
	return raw, nil
}

func openLayout(ctx context.Context, ref string) (*Image, error) {
	dir, digest, name := splitLayoutRef(ref)
	if digest != "" && !validDigest(digest) {
		return nil, fault.New(fault.Usage, "opening layout %s: digest %q is not sha256:<64 hex digits>", dir, digest)
	}
	index, err := readLayoutIndex(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Usage, err, "opening layout %s", dir)
	} else if err != nil {
		return nil, err
	}
	root, err := selectRoot(dir, index.Manifests, digest, name)
	if err != nil {
		return nil, err
	}
	return load(ctx, layoutDir{dir}, root)
}

// splitLayoutRef splits DIR[@DIGEST] or DIR[:NAME]. A colon inside the last
// path element starts a name unless the whole is an existing directory.
func splitLayoutRef(ref string) (dir, digest, name string) {
	if dir, digest, ok := strings.Cut(ref, "@"); ok {
		return dir, digest, ""
	}
	colon := strings.LastIndexByte(ref, ':')
	if colon <= strings.LastIndexByte(ref, '/') {
		return ref, "", ""
	}
	if st, err := os.Stat(ref); err == nil && st.IsDir() {
		return ref, "", ""
	}
	return ref[:colon], "", ref[colon+1:]
}

func readLayoutIndex(dir string) (indexJSON, error) {
	f, err := os.Open(filepath.Join(dir, "index.json"))
	if err != nil {
		return indexJSON{}, err
	}
	defer f.Close()
	return decodeLayoutIndex(f, dir)
}

func decodeLayoutIndex(r io.Reader, place string) (indexJSON, error) {
	raw, err := limitio.ReadAll(r, MaxManifestSize)
	if err != nil {
		return indexJSON{}, fault.Wrap(fault.Integrity, err, "reading index.json of %s", place)
	}
	var index indexJSON
	if err := json.Unmarshal(raw, &index); err != nil {
		return indexJSON{}, fault.Wrap(fault.Integrity, err, "reading index.json of %s", place)
	}
	if index.SchemaVersion != 2 || len(index.Manifests) > MaxManifests {
		return indexJSON{}, fault.New(fault.Integrity, "reading index.json of %s: schema version %d, %d entries", place, index.SchemaVersion, len(index.Manifests))
	}
	return index, nil
}

// selectRoot picks the image out of a layout's index: by digest, by name, or
// the only one there is. Signatures that cosign keeps beside an image and
// other artifacts are no candidates.
func selectRoot(place string, all []Descriptor, digest, name string) (Descriptor, error) {
	var found []Descriptor
	var names []string
	for _, d := range all {
		if !isImageRoot(d) {
			continue
		}
		if (digest == "" || d.Digest == digest) && (name == "" || d.Annotations[AnnotationRefName] == name) {
			found = append(found, d)
		}
		names = append(names, d.Digest)
	}
	// One image under several names is still one image.
	found = slices.CompactFunc(found, func(a, b Descriptor) bool { return a.Digest == b.Digest })
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Descriptor{}, fault.New(fault.Usage, "opening layout %s: no image %s%s in it", place, digest, name).
			Hint("it has %s", strings.Join(names, ", "))
	default:
		return Descriptor{}, fault.New(fault.Usage, "opening layout %s: it holds %d images", place, len(found)).
			Hint("name one as oci:DIR@DIGEST: %s", strings.Join(names, ", "))
	}
}

// annotationCosignKind is set by cosign on what it keeps in a layout:
// .../image and .../imageIndex for what was signed, .../sigs and .../atts beside it.
const annotationCosignKind = "kind"

func isImageRoot(d Descriptor) bool {
	kind := d.Annotations[annotationCosignKind]
	if strings.HasSuffix(kind, "/sigs") || strings.HasSuffix(kind, "/atts") {
		return false
	}
	// Some writers repeat the config's media type here, as registries do.
	if d.ArtifactType != "" && d.ArtifactType != MediaTypeConfig && d.ArtifactType != dockerConfig {
		return false
	}
	switch d.MediaType {
	case MediaTypeIndex, MediaTypeManifest, dockerIndex, dockerManifest:
		return d.Platform == nil || d.Platform.OS != "unknown"
	}
	return false
}
