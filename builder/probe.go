package builder

import (
	"context"
	"runtime"
	"slices"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
)

// suite lists all probes that a build knows, those included that it does not run.
func (r BuildRequest) suite() []probe.Probe { return suiteOf(r.Dynamic) }

func suiteOf(dynamic []probe.Runner) []probe.Probe {
	all := probe.StaticProbes()
	for _, d := range dynamic {
		all = append(all, d.Probes()...)
	}
	return all
}

// notAskedFor is why a dynamic probe did not run.
const notAskedFor = "not asked for: build with --check-run"

// probe puts the image to the escape suite. A probe that fails is no error: the
// policy says what an image must not have, the statement says how it fared.
func (b *build) probe(ctx context.Context) (any, error) {
	registry, err := probe.NewRegistry(b.req.suite())
	if err != nil {
		return nil, err
	}
	var reports []*probe.Report
	for _, found := range b.found {
		step := b.w.Progress.Begin("probing the image, " + found.platform.Name())
		results := probe.Static(found.scan)
		found.scan = nil // large
		more, err := b.runProbes(ctx, found.platform)
		if err == nil {
			found.probes, err = probe.NewReport(found.platform, registry, append(results, more...))
		}
		step.End(err)
		if err != nil {
			return nil, err
		}
		reports = append(reports, found.probes)
	}
	return reports, nil
}

func (b *build) runProbes(ctx context.Context, p *image.Platform) ([]probe.Result, error) {
	var all []probe.Result
	for _, d := range b.req.Dynamic {
		if !b.req.CheckRun {
			for _, skipped := range d.Probes() {
				all = append(all, probe.Skipped(skipped, notAskedFor))
			}
			continue
		}
		answers, err := d.Run(ctx, p)
		if err != nil {
			return nil, err
		}
		all = append(all, answers...)
	}
	return all, nil
}

// probeTests are the results of probes as a statement lists them.
func probeTests(r *probe.Report) []attest.Test {
	status := map[probe.Outcome]attest.TestStatus{
		probe.Pass: attest.TestPassed, probe.Fail: attest.TestFailed, probe.NotRun: attest.TestNotRun,
	}
	var tests []attest.Test
	for _, p := range r.Results {
		tests = append(tests, attest.Test{Name: attest.ProbeTest(p.ID), Status: status[p.Outcome], Reason: p.Reason})
	}
	return tests
}

// tried reports whether this machine ran any dynamic probe when the record was
// made: what it lacked then, such as root, it may have now.
func (r BuildRequest) tried(rec *record) bool {
	host := slices.IndexFunc(rec.Platforms, func(p PlatformResult) bool { return p.Platform == "linux/"+runtime.GOARCH })
	if host < 0 {
		return true
	}
	for _, d := range r.Dynamic {
		for _, p := range d.Probes() {
			for _, t := range rec.Platforms[host].Tests {
				if t.Name == attest.ProbeTest(p.ID) && t.Status != attest.TestNotRun {
					return true
				}
			}
		}
	}
	return false
}
