package builder

import (
	"context"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
	"github.com/lockforge/lockforge/builder/probe/remote"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
)

// CheckRequest says which image is put to the escape suite.
type CheckRequest struct {
	// Ref is a registry reference, "oci:DIR", "tar:FILE" or "docker-archive:FILE".
	Ref      string
	Platform string // "" for every platform of the image
	Image    image.Options
	Minimums []probe.Minimum
	Dynamic  []probe.Runner // what is run in the image; none: static probes only
	Progress progress.Sink
}

// RemoteProbes connects to the BuildKit at an address, and returns the dynamic
// probes as they are run there; stop ends the connection. A BuildKit that does
// not answer is fault.EngineDown.
func RemoteProbes(ctx context.Context, o EngineOptions) (r probe.Runner, stop func(), err error) {
	c, err := solve.Dial(ctx, o.target())
	if err != nil {
		return nil, nil, err
	}
	return dynamic.On(remote.New(c)), func() { _ = c.Close() }, nil
}

// Check puts an image, whoever built it, to the escape suite. A failed probe
// or a minimum that is not reached is no error but part of the document. An
// image that cannot be read completely is one, of kind Integrity, Network or
// Usage: nothing is said about what was not read.
func Check(ctx context.Context, r CheckRequest) (*probe.Document, error) {
	ref := r.Ref
	if file, ok := strings.CutPrefix(ref, "docker-archive:"); ok {
		ref = "tar:" + file
	}
	img, err := image.Open(ctx, ref, r.Image)
	if err != nil {
		return nil, err
	}
	platforms := img.Platforms()
	if r.Platform != "" {
		one, err := img.Platform(r.Platform)
		if err != nil {
			return nil, err
		}
		platforms = []*image.Platform{one}
	}
	groups := [][]probe.Probe{probe.StaticProbes()}
	for _, d := range r.Dynamic {
		groups = append(groups, d.Probes())
	}
	registry, err := probe.NewRegistry(groups...)
	if err != nil {
		return nil, err
	}
	d := &probe.Document{Ref: r.Ref, Digest: img.Digest()}
	for _, p := range platforms {
		step := r.Progress.Begin("checking " + p.Name())
		report, err := checkPlatform(ctx, r, registry, p)
		step.End(err)
		if err != nil {
			return nil, err
		}
		d.Platforms = append(d.Platforms, report)
	}
	d.Require(r.Minimums)
	return d, nil
}

func checkPlatform(ctx context.Context, r CheckRequest, registry *probe.Registry, p *image.Platform) (*probe.Report, error) {
	scan, err := probe.Read(ctx, p)
	if err != nil {
		return nil, err
	}
	results := probe.Static(scan)
	for _, d := range r.Dynamic {
		answers, err := d.Run(ctx, p)
		if err != nil {
			return nil, err
		}
		results = slices.Concat(results, answers)
	}
	return probe.NewReport(p, registry, results)
}
