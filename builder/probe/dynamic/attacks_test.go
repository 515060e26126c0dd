package dynamic

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
)

// try runs some attacks on an image.
func try(t *testing.T, c *container.Container, attacks []attack) map[string]probe.Result {
	t.Helper()
	r := Runner{attacks}
	results, err := r.try(context.Background(), c)
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

// TestEveryProbeHoldsInALockedImage has an image of root's files, the real
// executor and this machine's interpreter.
func TestEveryProbeHoldsInALockedImage(t *testing.T) {
	c := unpacked(t, false, map[string]any{"User": "1000:1000"})
	for id, r := range try(t, c, attacks()) {
		if r.Outcome != probe.Pass {
			t.Errorf("%s: %s %s %v", id, r.Outcome, r.Reason, r.Evidence)
		}
	}
}

// TestEveryProbeFailsInAnOpenImage has the same interpreter in an image that
// belongs to its user, with installers, a shell, a downloader and an executor
// that holds nothing back; probes of the runtime's profile run without it.
func TestEveryProbeFailsInAnOpenImage(t *testing.T) {
	c := unpacked(t, true, map[string]any{"User": "1000:1000"})
	plain := attacks()
	for n := range plain {
		plain[n].profile = container.Plain
	}
	open := try(t, c, plain)
	c.User = container.User{Home: "/"} // root
	maps.Copy(open, try(t, c, slices.DeleteFunc(attacks(), func(a attack) bool { return a.ID != "E07-become-root" })))
	for id, r := range open {
		if r.Outcome != probe.Fail || len(r.Evidence) == 0 {
			t.Errorf("%s: %s %s", id, r.Outcome, r.Reason)
		}
	}
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
