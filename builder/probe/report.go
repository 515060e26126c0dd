package probe

import (
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// Report is what all probes said about the image of one platform.
type Report struct {
	Digest   string   `json:"digest"`   // of the platform's manifest, "sha256:<hex>"
	Platform string   `json:"platform"` // "linux/amd64"
	Scores   []Score  `json:"scores"`   // one per tier that has probes
	Results  []Result `json:"results"`  // one per probe, sorted by ID
}

// NewReport sums up results. Each probe of the registry must have exactly one;
// a probe without an answer, an answer without a probe, and a run in which
// nothing ran at all are errors (fault.Internal): none of them is a pass.
func NewReport(p *image.Platform, probes *Registry, results []Result) (*Report, error) {
	r := &Report{Digest: p.Digest(), Platform: p.Name(), Results: slices.Clone(results)}
	slices.SortFunc(r.Results, func(a, b Result) int { return strings.Compare(a.ID, b.ID) })
	ran := 0
	for n, asked := range probes.probes {
		if n >= len(r.Results) || r.Results[n].Probe != asked {
			return nil, fault.New(fault.Internal, "reporting on %s: probe %s has no answer of its own", r.Digest, asked.ID)
		}
		switch got := r.Results[n]; {
		case got.Outcome == Pass && len(got.Evidence) == 0:
			ran++
		case got.Outcome == Fail && len(got.Evidence) > 0:
			ran++
		case got.Outcome == NotRun && got.Reason != "":
		default:
			return nil, fault.New(fault.Internal, "reporting on %s: probe %s ended as %q with %d pieces of evidence", r.Digest, asked.ID, got.Outcome, len(got.Evidence))
		}
	}
	if len(r.Results) != len(probes.probes) {
		return nil, fault.New(fault.Internal, "reporting on %s: %d answers to %d probes", r.Digest, len(r.Results), len(probes.probes))
	}
	if ran == 0 {
		return nil, fault.New(fault.Internal, "reporting on %s: none of %d probes was run", r.Digest, len(r.Results))
	}
	r.Scores = scores(r.Results)
	return r, nil
}

// Failed reports whether any probe failed.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Results, func(r Result) bool { return r.Outcome == Fail })
}
