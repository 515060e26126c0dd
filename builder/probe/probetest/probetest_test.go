package probetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/probe"
)

var (
	one, two = probe.Probe{ID: "E01-one"}, probe.Probe{ID: "E02-two"}
	whole    = []Fixture{
		{"E01-one", "good", probe.Pass, ""}, {"E01-one", "evil", probe.Fail, "pip"},
		{"E02-two", "good", probe.Pass, ""}, {"E02-two", "evil", probe.Fail, ""},
	}
)

// honest answers as a fixture wants it.
func honest(f Fixture) probe.Result {
	p := probe.Probe{ID: f.Probe}
	if f.Want == probe.Fail {
		return probe.Answer(p, []probe.Evidence{{Text: "it has " + f.Text}})
	}
	return probe.Passed(p)
}

func TestUnproven(t *testing.T) {
	for name, tc := range map[string]struct {
		probes   []probe.Probe
		fixtures []Fixture
		answer   Answer
		want     []string // the beginnings of lines
	}{
		"all is proven":         {[]probe.Probe{one, two}, whole, honest, nil},
		"a probe without any":   {[]probe.Probe{one, two}, whole[:2], honest, []string{"E02-two has no good", "E02-two has no evil"}},
		"none that it fails on": {[]probe.Probe{one}, whole[:1], honest, []string{"E01-one has no evil"}},
		"none that it holds on": {[]probe.Probe{one}, whole[1:2], honest, []string{"E01-one has no good"}},
		"always passes":         {[]probe.Probe{one}, whole[:2], func(Fixture) probe.Result { return probe.Passed(one) }, []string{"E01-one on evil: "}},
		"other evidence": {[]probe.Probe{one}, whole[:2], func(f Fixture) probe.Result {
			f.Text = "uv"
			return honest(f)
		}, []string{"E01-one on evil: "}},
		"another's answer": {[]probe.Probe{one}, whole[:1], func(Fixture) probe.Result { return probe.Passed(two) }, []string{"E01-one on good: ", "E01-one has no evil"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Unproven(tc.probes, tc.fixtures, tc.answer)
			if !slices.EqualFunc(got, tc.want, strings.HasPrefix) {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestSurvivors(t *testing.T) {
	always := func(p probe.Probe, o probe.Outcome) Answer {
		return func(f Fixture) probe.Result {
			if f.Probe != p.ID {
				return honest(f)
			}
			return probe.Result{Probe: p, Outcome: o, Evidence: []probe.Evidence{{Text: "pip"}}}
		}
	}
	for name, tc := range map[string]struct {
		fixtures []Fixture
		mutant   func(probe.Probe, probe.Outcome) Answer
		want     []string
	}{
		"all are noticed":     {whole, always, nil},
		"no evil image":       {whole[:1], always, []string{"E01-one always ends as pass"}},
		"no image at all":     {whole[2:], always, []string{"E01-one always ends as pass", "E01-one always ends as fail", "E01-one always ends as not run"}},
		"nothing is replaced": {whole, func(probe.Probe, probe.Outcome) Answer { return honest }, []string{"E01-one always ends as pass", "E01-one always ends as fail", "E01-one always ends as not run"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, Survivors([]probe.Probe{one}, tc.fixtures, tc.mutant)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
