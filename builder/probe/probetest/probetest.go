// Package probetest proves that probes can fail. A probe that cannot is worse
// than none: it counts as held.
//
//	Unproven   has each probe an image that it passes on, and one that it fails on?
//	Survivors  do these images notice when a probe's judgement is replaced by a constant?
package probetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/probe"
)

// Fixture is an image that one probe is put to.
type Fixture struct {
	Probe string        // ID
	Name  string        // of the image, for people
	Want  probe.Outcome // Pass for a good image, Fail for an evil one
	Text  string        // part of the text of some evidence, of evil images
}

// Answer puts a fixture's probe to its image.
type Answer func(Fixture) probe.Result

// Unproven says what the fixtures do not prove about the probes, one line each
// that begins with a probe's ID: each needs a good image, on which it passes,
// and an evil one, on which it fails with the evidence that is expected.
func Unproven(probes []probe.Probe, fixtures []Fixture, answer Answer) []string {
	var problems []string
	tried := map[string]map[probe.Outcome]bool{}
	for _, f := range fixtures {
		if tried[f.Probe] == nil {
			tried[f.Probe] = map[probe.Outcome]bool{}
		}
		tried[f.Probe][f.Want] = true
		if problem := f.differs(answer(f)); problem != "" {
			problems = append(problems, f.Probe+" on "+f.Name+": "+problem)
		}
	}
	for _, p := range probes {
		if !tried[p.ID][probe.Pass] {
			problems = append(problems, p.ID+" has no good image: nothing proves that it can pass")
		}
		if !tried[p.ID][probe.Fail] {
			problems = append(problems, p.ID+" has no evil image: nothing proves that it can fail")
		}
	}
	return problems
}

// differs says what is wrong with an answer, "" for nothing.
func (f Fixture) differs(r probe.Result) string {
	said := func(e probe.Evidence) bool { return strings.Contains(e.Text, f.Text) }
	switch {
	case r.ID != f.Probe:
		return fmt.Sprintf("the answer is %q's", r.ID)
	case r.Outcome != f.Want:
		return fmt.Sprintf("it ended as %q, want %q: %s %v", r.Outcome, f.Want, r.Reason, r.Evidence)
	case f.Want == probe.Fail && !slices.ContainsFunc(r.Evidence, said):
		return fmt.Sprintf("no evidence speaks of %q: %v", f.Text, r.Evidence)
	}
	return ""
}

// Survivors replaces the judgement of one probe after the other by each
// constant outcome, and returns the mutants that none of the probe's own images
// notices: "E05-shell always ends as pass". mutant answers as a suite does in
// which that probe always ends so.
func Survivors(probes []probe.Probe, fixtures []Fixture, mutant func(p probe.Probe, always probe.Outcome) Answer) []string {
	var survivors []string
	for _, p := range probes {
		for _, always := range []probe.Outcome{probe.Pass, probe.Fail, probe.NotRun} {
			answer := mutant(p, always)
			notices := func(f Fixture) bool { return f.Probe == p.ID && f.differs(answer(f)) != "" }
			if !slices.ContainsFunc(fixtures, notices) {
				survivors = append(survivors, fmt.Sprintf("%s always ends as %s", p.ID, always))
			}
		}
	}
	return survivors
}
