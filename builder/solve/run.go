package solve

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gateway "github.com/moby/buildkit/frontend/gateway/client"
	"github.com/moby/buildkit/identity"
	"github.com/moby/buildkit/solver/pb"
	digest "github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
)

// Options says where the content comes from and the image goes.
type Options struct {
	Open   pack.Opener // the content store
	Layout string      // directory of an OCI image layout; made when missing
}

// Result is a solved image.
type Result struct {
	Digest     string            `json:"digest"` // of the image's index, "sha256:<hex>"
	Size       int64             `json:"size"`   // of the index
	Platforms  map[string]string `json:"platforms"`
	Provenance map[string][]byte `json:"-"` // SLSA v1 predicate by platform
	Steps      []Step            `json:"steps"`
	Written    int64             `json:"written"` // bytes of blobs the layout did not have
	Seconds    float64           `json:"seconds"`
}

func (r *Result) digest() digest.Digest { return digest.Digest(r.Digest) }

// Run builds the image of every platform and leaves it in the layout, whose
// index.json then names it: an OCI index over one manifest per platform, without
// attestations, the same bytes for the same graph. Blobs that the layout has
// are not copied. A failing step is fault.Build and named with its last output;
// a BuildKit that cannot be reached fault.EngineDown.
func Run(ctx context.Context, c *Client, g *graph.Graph, o Options, sink progress.Sink) (*Result, error) {
	start := time.Now()
	out, err := openLayout(o.Layout, c.local)
	if err != nil {
		return nil, err
	}
	in := newInputs(g.Content, o.Open)
	defer in.close()
	ref := identity.NewID()
	opt := client.SolveOpt{
		Ref:       ref,
		OCIStores: map[string]content.Store{graph.StoreID: in},
		Exports: []client.ExportEntry{{
			Type:        client.ExporterOCI,
			OutputStore: out,
			Attrs: map[string]string{
				"tar":               "false",
				"compression":       g.Compression,
				"force-compression": "true",
				"source-date-epoch": strconv.FormatInt(g.Epoch, 10),
			},
		}},
	}
	resp, steps, err := c.build(ctx, opt, platformResults(g), sink)
	if err != nil {
		return nil, err
	}
	provenance, err := c.provenance(ctx, ref)
	if err != nil {
		return nil, err
	}
	c.forget(ctx, ref)
	result, err := out.result(resp)
	if err != nil {
		return nil, err
	}
	result.Provenance, result.Steps = provenance, steps
	result.Seconds = time.Since(start).Seconds()
	return result, nil
}

// build runs one gateway build and follows it.
func (c *Client) build(ctx context.Context, opt client.SolveOpt, f gateway.BuildFunc, sink progress.Sink) (*client.SolveResponse, []Step, error) {
	ch := make(chan *client.SolveStatus)
	follower := follow(ch, sink, isStep)
	resp, err := c.bk.Build(ctx, opt, "lockforge", f, ch)
	follower.wait()
	if err != nil {
		return nil, nil, explain(ctx, err, follower, c)
	}
	return resp, follower.steps(), nil
}

// platformResults solves the definition of each platform and hands all of them
// to the exporter with their configurations.
func platformResults(g *graph.Graph) gateway.BuildFunc {
	return func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		result := gateway.NewResult()
		var list exptypes.Platforms
		for _, p := range g.Platforms {
			ref, err := solveDefinition(ctx, c, p.Definition, false)
			if err != nil {
				return nil, err
			}
			platform, err := platforms.Parse(p.Platform)
			if err != nil {
				return nil, err
			}
			result.AddRef(p.Platform, ref)
			result.AddMeta(exptypes.ExporterImageConfigKey+"/"+p.Platform, p.Config)
			list.Platforms = append(list.Platforms, exptypes.Platform{ID: p.Platform, Platform: platform})
		}
		meta, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		result.AddMeta(exptypes.ExporterPlatformsKey, meta)
		return result, nil
	}
}

func solveDefinition(ctx context.Context, c gateway.Client, definition []byte, evaluate bool) (gateway.Reference, error) {
	var def pb.Definition
	if err := def.UnmarshalVT(definition); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "reading a definition")
	}
	res, err := c.Solve(ctx, gateway.SolveRequest{Definition: &def, Evaluate: evaluate})
	if err != nil {
		return nil, err
	}
	return res.SingleRef()
}

// result finishes the layout and describes the image that the exporter wrote.
func (l *layout) result(resp *client.SolveResponse) (*Result, error) {
	raw, err := base64.StdEncoding.DecodeString(resp.ExporterResponse[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return nil, fault.Wrap(fault.Build, err, "reading BuildKit's answer")
	}
	var image ocispec.Descriptor
	if err := json.Unmarshal(raw, &image); err != nil {
		return nil, fault.Wrap(fault.Build, err, "reading BuildKit's answer")
	}
	var index ocispec.Index
	if err := l.readJSON(image, &index); err != nil {
		return nil, err
	}
	r := &Result{Digest: image.Digest.String(), Size: image.Size, Platforms: map[string]string{}, Written: l.written}
	for _, m := range index.Manifests {
		if m.Platform == nil {
			return nil, fault.New(fault.Build, "reading the image index %s: it holds more than platforms", image.Digest)
		}
		r.Platforms[platforms.Format(*m.Platform)] = m.Digest.String()
	}
	return r, l.finish(image)
}
