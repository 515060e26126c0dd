package dynamic

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
	"github.com/lockforge/lockforge/builder/probe/probetest"
)

// try runs some attacks on an image.
func try(t *testing.T, c *container.Container, attacks []attack) map[string]probe.Result {
	t.Helper()
	r := Runner{attacks, local{}}
	results, err := r.try(context.Background(), c.Image, c)
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]probe.Result{}
	for _, result := range results {
		byID[result.ID] = result
	}
	if len(byID) != len(r.attacks) {
		t.Fatalf("%d results of %d probes", len(byID), len(r.attacks))
	}
	return byID
}

// The images that attacks are tried on.
const (
	lockedImage = "a locked image" // root's files, the real executor and this machine's interpreter
	openImage   = "an open image"  // the user's own files, installers, a shell, a downloader and an executor that holds nothing back
)

// TestEveryProbeIsProven tries each attack on a locked image, where it has to
// be held back, and on an open one, where it has to succeed; there, probes of
// the runtime's profile run without it. Then each one's judgement is replaced
// by that of an attack that always comes to the same.
func TestEveryProbeIsProven(t *testing.T) {
	locked, open := unpacked(t, false, map[string]any{"User": "1000:1000"}), unpacked(t, true, map[string]any{"User": "1000:1000"})
	plain := attacks()
	for n := range plain {
		plain[n].profile = container.Plain
	}
	results := map[string]map[string]probe.Result{lockedImage: try(t, locked, attacks()), openImage: try(t, open, plain)}
	open.User = container.User{Home: "/"} // root
	constants := constantOutcomes(t, open)
	maps.Copy(results[openImage], try(t, open, slices.DeleteFunc(attacks(), func(a attack) bool { return a.ID != "E07-become-root" })))

	var fixtures []probetest.Fixture
	for _, p := range New().Probes() {
		fixtures = append(fixtures, probetest.Fixture{Probe: p.ID, Name: lockedImage, Want: probe.Pass}, probetest.Fixture{Probe: p.ID, Name: openImage, Want: probe.Fail})
	}
	real := func(f probetest.Fixture) probe.Result { return results[f.Name][f.Probe] }
	for _, problem := range probetest.Unproven(New().Probes(), fixtures, real) {
		t.Error(problem)
	}
	mutant := func(p probe.Probe, always probe.Outcome) probetest.Answer {
		return func(f probetest.Fixture) probe.Result {
			if f.Probe != p.ID {
				return real(f)
			}
			return judge(p, constants[always])
		}
	}
	for _, survivor := range probetest.Survivors(New().Probes(), fixtures, mutant) {
		t.Error(survivor, "and nothing notices")
	}
}

// constantOutcomes are what attacks say that always come to the same, whatever
// they are tried on.
func constantOutcomes(t *testing.T, c *container.Container) map[probe.Outcome]container.Outcome {
	t.Helper()
	scripts, err := filepath.Abs("payload")
	if err != nil {
		t.Fatal(err)
	}
	all := map[probe.Outcome]container.Outcome{}
	for outcome, code := range map[probe.Outcome]string{
		probe.Pass: "report.held()", probe.Fail: "report.opened('whatever it is')", probe.NotRun: "None",
	} {
		o, err := c.Run(context.Background(), container.Spec{
			Profile: container.Plain, Args: []string{c.Pythons[0], "-I", "-B", "-c", "import sys; sys.path.insert(0, '" + here + "'); import report; report.run(lambda: " + code + ")"},
			Mounts: map[string]string{here: scripts}, Timeout: attackTime,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := judge(attacks()[0].Probe, o); got.Outcome != outcome {
			t.Fatalf("an attack that always ends as %s ends as %s: %s %+v", outcome, got.Outcome, got.Reason, o)
		}
		all[outcome] = o
	}
	return all
}

func TestJudge(t *testing.T) {
	const open = `{"lockforge": {"open": "pip runs", "path": "/usr/bin/pip"}}` + "\n"
	const done = `{"lockforge": {"done": 3}}` + "\n"
	for _, tc := range []struct {
		name string
		o    container.Outcome
		want probe.Outcome
	}{
		{"came to its end", container.Outcome{Stdout: "noise\n" + done}, probe.Pass},
		{"found something", container.Outcome{Stdout: open + done}, probe.Fail},
		{"found something and broke off", container.Outcome{Stdout: open, Code: 1}, probe.Fail},
		{"found something without a word", container.Outcome{Stdout: `{"lockforge": {"open": ""}}`}, probe.Fail},
		{"broke off", container.Outcome{Code: 1, Stderr: "NameError"}, probe.NotRun},
		{"broke off after the end", container.Outcome{Stdout: done, Code: 1}, probe.NotRun},
		{"said nothing", container.Outcome{}, probe.NotRun},
		{"tried nothing", container.Outcome{Stdout: `{"lockforge": {"done": 0}}`}, probe.NotRun},
		{"had nothing to try", container.Outcome{Stdout: `{"lockforge": {"skip": "no executor"}}`}, probe.NotRun},
		{"did not end", container.Outcome{Stdout: done, TimedOut: true}, probe.NotRun},
		{"not JSON", container.Outcome{Stdout: `{"lockforge": {"done": 3}`}, probe.NotRun},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := judge(attacks()[0].Probe, tc.o)
			if got.Outcome != tc.want || got.Outcome == probe.NotRun && got.Reason == "" {
				t.Errorf("got %+v, want %s", got, tc.want)
			}
		})
	}
}

func TestProbesAreWellFormed(t *testing.T) {
	r, err := probe.NewRegistry(New().Probes(), probe.StaticProbes())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range New().Probes() {
		if got, ok := r.Find(p.ID); !ok || got.Kind != probe.DynamicKind {
			t.Errorf("%s: %+v", p.ID, got)
		}
	}
}
