package verify

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/probe"
)

// selectProbes lists the probes of the tiers that are required. A tier without
// any probe would be held by every image: it is fault.Usage.
func selectProbes(req Request) ([]probe.Probe, error) {
	var all []probe.Probe
	for _, tier := range req.Require {
		before := len(all)
		for _, p := range slices.Concat(probe.StaticProbes(), req.Dynamic) {
			if p.Tier == tier && !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
		if len(all) == before {
			return nil, fault.New(fault.Usage, "requiring the probes of tier %s: there are none, or it is named twice", tier)
		}
	}
	slices.SortFunc(all, func(a, b probe.Probe) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// probes holds the required probes against what was signed, and answers the
// static ones anew: a signer can be wrong, or have known fewer of them. What
// the statement does not know has not run, and what has not run has not passed.
func (v *run) probes(signed *results, scan *probe.Scan) error {
	here := map[string]probe.Result{}
	for _, r := range probe.Static(scan) {
		here[r.ID] = r
	}
	var missed []string
	for _, p := range v.required {
		if why := shortfall(p, signed, here); why != "" {
			missed = append(missed, p.ID+" "+why)
		}
	}
	if len(missed) == 0 {
		return nil
	}
	return fault.New(fault.Denied, "%d of %d required probes have not passed: %s", len(missed), len(v.required), strings.Join(missed, "; ")).
		Hint("`lockforge check --run REF` tries them; `lockforge build --check-run` has them tried and signed")
}

// shortfall says why a probe does not count as passed, "" if it does.
func shortfall(p probe.Probe, signed *results, here map[string]probe.Result) string {
	name := attest.ProbeTest(p.ID)
	switch signed.outcome[name] {
	case attest.TestFailed:
		return "failed"
	case attest.TestNotRun:
		if reason := signed.reasons[name]; reason != "" {
			return "not run (" + reason + ")"
		}
		return "not run"
	case "":
		return "not run (the statement does not know it)"
	}
	if p.Kind != probe.StaticKind {
		return ""
	}
	switch own := here[p.ID]; own.Outcome {
	case probe.Pass:
		return ""
	case probe.Fail:
		return fmt.Sprintf("was signed as passed and fails (%s)", own.Evidence[0])
	default:
		return "was signed as passed and cannot be answered (" + own.Reason + ")"
	}
}

func tierNames(tiers []probe.Tier) string {
	var names []string
	for _, t := range tiers {
		names = append(names, string(t))
	}
	return "tier " + strings.Join(names, ", ")
}
