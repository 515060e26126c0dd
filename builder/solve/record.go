package solve

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Record is what is remembered of a finished build, so that the same build
// need not start an engine.
type Record struct {
	Result     *Result           `json:"result"`
	Provenance map[string][]byte `json:"provenance"`
	Proofs     []Proof           `json:"proofs,omitempty"`
}

// Records keeps records in a directory.
type Records struct {
	Dir string
	// Layout is the OCI layout that the recorded images lie in.
	Layout string
}

const maxRecord = 128 << 20

// Key identifies a build by everything that its bytes depend on: the manifest's
// digest, the lock, the programs, lockforge's version, the platforms, and
// whatever else the caller names. Order matters.
func Key(parts ...[]byte) string {
	whole := sha256.New()
	for _, p := range parts {
		sum := sha256.Sum256(p)
		whole.Write(sum[:])
	}
	return hex.EncodeToString(whole.Sum(nil))
}

// Save remembers a build.
func (r Records) Save(key string, rec *Record) error {
	if err := os.MkdirAll(r.Dir, 0o755); err != nil {
		return fault.Wrap(fault.Build, err, "making directory %s", r.Dir)
	}
	b, err := json.Marshal(rec)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing a build record")
	}
	return replaceFile(r.path(key), b)
}

// Load returns the record of a build, or nil where there is none that holds:
// every blob of the image must be in the layout, index, manifests and
// configurations with the bytes of their digests, layers with their sizes.
// Afterwards the layout's index.json names the image.
func (r Records) Load(key string) (*Record, error) {
	f, err := os.Open(r.path(key))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Build, err, "reading a build record")
	}
	defer f.Close()
	b, err := limitio.ReadAll(f, maxRecord)
	var rec Record
	if err != nil || json.Unmarshal(b, &rec) != nil || rec.Result == nil {
		return nil, nil // torn or foreign: as good as none
	}
	rec.Result.Provenance = rec.Provenance
	l := &layout{dir: r.Layout}
	image, ok := l.complete(rec.Result)
	if !ok {
		return nil, nil
	}
	return &rec, l.finish(image)
}

func (r Records) path(key string) string { return filepath.Join(r.Dir, key+".json") }

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
