package solve

import (
	"context"
	"errors"
	"io"

	"github.com/containerd/containerd/v2/core/content/proxy"
	controlapi "github.com/moby/buildkit/api/services/control"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

const (
	slsaProvenance = "https://slsa.dev/provenance/v1"
	// A build of every plugin gives 314 KB.
	maxProvenance = 64 << 20
)

// provenance reads the SLSA v1 predicate of each platform from the record that
// BuildKit keeps of the build. Asking the exporter for it would put it into the
// image, whose digest would then change with every build.
func (c *Client) provenance(ctx context.Context, ref string) (map[string][]byte, error) {
	record, err := c.record(ctx, ref)
	if err != nil {
		return nil, err
	}
	store := proxy.NewContentStore(c.bk.ContentClient())
	found := map[string][]byte{}
	for platform, result := range record.Results {
		for _, a := range result.Attestations {
			if a.Annotations["in-toto.io/predicate-type"] != slsaProvenance {
				continue
			}
			r, err := store.ReaderAt(ctx, ocispec.Descriptor{Digest: digest.Digest(a.Digest), Size: a.Size})
			if err != nil {
				return nil, fault.Wrap(fault.Build, err, "reading the provenance of %s", platform)
			}
			b, err := limitio.ReadAll(io.NewSectionReader(r, 0, r.Size()), maxProvenance)
			if err = errors.Join(err, r.Close()); err != nil {
				return nil, fault.Wrap(fault.Build, err, "reading the provenance of %s", platform)
			}
			if digest.FromBytes(b) != digest.Digest(a.Digest) {
				return nil, fault.New(fault.Integrity, "reading the provenance of %s: it is not %s", platform, a.Digest)
			}
			found[platform] = b
		}
	}
	return found, nil
}

func (c *Client) record(ctx context.Context, ref string) (*controlapi.BuildHistoryRecord, error) {
	stream, err := c.bk.ControlClient().ListenBuildHistory(ctx, &controlapi.BuildHistoryRequest{Ref: ref, EarlyExit: true})
	if err != nil {
		return nil, fault.Wrap(fault.Build, err, "reading the build record")
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil, fault.New(fault.Build, "reading the build record: BuildKit kept none")
		}
		if err != nil {
			return nil, fault.Wrap(fault.Build, err, "reading the build record")
		}
		if event.Record != nil && event.Record.CompletedAt != nil {
			return event.Record, nil
		}
	}
}

// forget drops a build record that has been read.
func (c *Client) forget(ctx context.Context, ref string) {
	// It would also expire by itself.
	_, _ = c.bk.ControlClient().UpdateBuildHistory(ctx, &controlapi.UpdateBuildHistoryRequest{Ref: ref, Delete: true})
}
