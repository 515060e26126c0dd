package attest

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/registry"
)

// Options adjust how registries are reached. The zero value is the default:
// the user's docker credentials, TLS except on loopback.
type Options struct {
	Insecure  bool              // plain HTTP for registries off loopback as well
	Transport http.RoundTripper // nil: go-containerregistry's default
	// Name is what signatures call an image that is in a layout, which has no
	// repository name of its own. Default "image".
	Name string
	// Patience with a registry that cannot serve now. 0 is none: who verifies
	// wants an answer. Who signs wants SigningPatience.
	Patience time.Duration
}

// SigningPatience is how long a signature waits for its registry: as long as
// the image that was pushed before it.
const SigningPatience = registry.DefaultPatience

// Target is an image by digest in the place where its signatures are kept.
type Target struct {
	place   place
	subject ociDescriptor
	name    string // what signatures call the image
}

// Digest is the image's digest, "sha256:<hex>".
func (t *Target) Digest() string { return t.subject.Digest }

// place is a registry repository or an OCI layout.
type place interface {
	// manifests lists the manifests that carry records about subject, each once.
	manifests(ctx context.Context, subject ociDescriptor) ([][]byte, error)
	// blob returns a blob of at most the descriptor's size; not verified.
	blob(ctx context.Context, d ociDescriptor) ([]byte, error)
	// replace stores the manifests and makes them the only ones of ours.
	replace(ctx context.Context, subject ociDescriptor, packs []pack) error
}

// Open finds an image: "oci:DIR", "oci:DIR@sha256:<hex>", "oci:DIR:NAME", or a
// registry reference. A tag is resolved once; everything later goes by digest.
// Errors: fault.Usage, fault.Integrity for a broken layout, fault.Network.
func Open(ctx context.Context, ref string, o Options) (*Target, error) {
	if dir, ok := strings.CutPrefix(ref, "oci:"); ok {
		return openLayout(dir, o)
	}
	return openRegistry(ctx, ref, o)
}

// records reads everything that is kept about the image, within bounds. What
// is damaged is an error: nobody but an attacker or a broken disk makes it so.
func (t *Target) records(ctx context.Context) ([]record, error) {
	raws, err := t.place.manifests(ctx, t.subject)
	if err != nil {
		return nil, err
	}
	var all []record
	seen := map[string]bool{}
	total := int64(0)
	for _, raw := range raws {
		var m carrier
		if err := json.Unmarshal(raw, &m); err != nil {
			return nil, fault.Wrap(fault.Signature, err, "reading signatures of %s", t.Digest())
		}
		for _, d := range m.Layers {
			kind, ours := kindOf(d.MediaType)
			if !ours {
				continue
			}
			total += d.Size
			if len(all) == MaxRecords || d.Size < 0 || d.Size > MaxRecordBytes || total > MaxTotalBytes {
				return nil, fault.New(fault.Signature, "reading signatures of %s: more than %d of them, or too large (%d bytes, %d in all)",
					t.Digest(), MaxRecords, d.Size, total)
			}
			r := record{kind: kind, media: d.MediaType, annotations: d.Annotations}
			if kind == sigstoreBundle {
				r.annotations = m.Annotations
			}
			key := d.Digest + r.annotations[annotationSignature]
			if seen[key] {
				continue
			}
			seen[key] = true
			if r.content, err = t.read(ctx, d); err != nil {
				return nil, err
			}
			all = append(all, r)
		}
	}
	return all, nil
}

func (t *Target) read(ctx context.Context, d ociDescriptor) ([]byte, error) {
	content, err := t.place.blob(ctx, d)
	if err != nil {
		return nil, err
	}
	if int64(len(content)) != d.Size || digestOf(content) != d.Digest {
		return nil, fault.New(fault.Signature, "reading signature %s of %s: its bytes do not match its digest", d.Digest, t.Digest())
	}
	return content, nil
}

func (r record) equal(other record) bool {
	return r.kind == other.kind && slices.Equal(r.content, other.content) && maps.Equal(r.annotations, other.annotations)
}
