package dynamic_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
	"github.com/lockforge/lockforge/builder/probe/remote"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// run returns the outcomes of a Runner, and the reasons of what it did not run.
func run(t *testing.T, r dynamic.Runner, p *image.Platform) (outcomes map[string]probe.Outcome, reasons map[string]string) {
	t.Helper()
	results, err := r.Run(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	outcomes, reasons = map[string]probe.Outcome{}, map[string]string{}
	for _, result := range results {
		outcomes[result.ID] = result.Outcome
		if result.Outcome == probe.NotRun {
			reasons[result.ID] = result.Reason
		}
	}
	return outcomes, reasons
}

// TestBuildKitSaysWhatRuncSays tries the attacks of tier I on the same images
// here and at a BuildKit: on a locked one, on an open one, and on one that runs
// as root.
func TestBuildKitSaysWhatRuncSays(t *testing.T) {
	if reason := container.Missing(); reason != "" {
		testenv.Missing(t, "%s", reason)
	}
	there := dynamic.On(remote.New(buildkit.Client(t)))
	user := map[string]any{"User": "1000:1000"}
	for name, tc := range map[string]struct {
		image *image.Platform
		want  map[string]probe.Outcome // of some
	}{
		"locked": {dynamic.Platform(t, false, user), map[string]probe.Outcome{"E03-run": probe.Pass, "E07-become-root": probe.Pass, "E14-index": probe.Pass, "E35-change": probe.Pass}},
		"open": {dynamic.Platform(t, true, user), map[string]probe.Outcome{
			"E03-run": probe.Fail, "E05-start": probe.Fail, "E13-install": probe.Fail, "E14-index": probe.Fail, "E35-change": probe.Fail}},
		"root": {dynamic.Platform(t, false, map[string]any{}), map[string]probe.Outcome{"E07-become-root": probe.Fail, "E35-change": probe.Fail}},
	} {
		t.Run(name, func(t *testing.T) {
			here, reasons := run(t, dynamic.New().Only(probe.Image), tc.image)
			if len(reasons) > 0 {
				t.Errorf("not run here: %v", reasons)
			}
			got, reasons := run(t, there.Only(probe.Image), tc.image)
			if diff := cmp.Diff(here, got); diff != "" {
				t.Errorf("here and at BuildKit (-here +there):\n%s%v", diff, reasons)
			}
			for id, want := range tc.want {
				if got[id] != want {
					t.Errorf("%s: %s, want %s", id, got[id], want)
				}
			}
		})
	}
	t.Run("other tiers", func(t *testing.T) {
		for _, tier := range []probe.Tier{probe.Runtime, probe.Executor} {
			r := there.Only(tier)
			outcomes, reasons := run(t, r, dynamic.Platform(t, false, user))
			if len(outcomes) == 0 || len(reasons) != len(outcomes) {
				t.Errorf("tier %s: %v", tier, outcomes)
			}
			for id, reason := range reasons {
				if reason == "" {
					t.Errorf("%s is not run and does not say why", id)
				}
			}
		}
	})
}
