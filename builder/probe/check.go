package probe

import (
	"cmp"
	"slices"
)

// check answers one static probe.
type check struct {
	Probe
	run func(s *Scan, f *findings)
}

// checks lists all static probes; each group is in the file of its subject.
var checks = slices.Concat(toolChecks, layerChecks, ownerChecks, pythonChecks, secretChecks, configChecks)

// StaticProbes are the probes that Static answers.
func StaticProbes() []Probe {
	var all []Probe
	for _, c := range checks {
		all = append(all, c.Probe)
	}
	return all
}

// Static answers all static probes, one Result each.
func Static(s *Scan) []Result { return answer(s, checks) }

func answer(s *Scan, checks []check) []Result {
	var all []Result
	for _, c := range checks {
		f := &findings{scan: s}
		c.run(s, f)
		if f.reason != "" && f.found == 0 {
			all = append(all, Skipped(c.Probe, f.reason))
			continue
		}
		r := Answer(c.Probe, f.kept)
		r.Found = f.found
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b Result) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// static makes a probe of tier I that the bytes of the image answer.
func static(id string, severity Severity, title, fix string) Probe {
	return Probe{ID: id, Title: title, Tier: Image, Severity: severity, Kind: StaticKind, Fix: fix}
}
