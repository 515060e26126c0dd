package builder

import (
	"context"
	"encoding/json"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
)

var attack = probe.Probe{ID: "E20-attack", Title: "It holds", Tier: probe.Executor, Severity: probe.High, Kind: probe.DynamicKind, Fix: "hold"}

// runner is a probe.Runner that counts how often it runs.
type runner struct{ runs *int }

func (runner) Probes() []probe.Probe { return []probe.Probe{attack} }

func (r runner) Run(context.Context, *image.Platform) ([]probe.Result, error) {
	*r.runs++
	return []probe.Result{probe.Passed(attack)}, nil
}

// Nothing is run that was not asked for, and what was not run has a reason.
func TestDynamicProbesOfABuild(t *testing.T) {
	for asked, want := range map[bool]probe.Result{
		false: probe.Skipped(attack, notAskedFor),
		true:  probe.Passed(attack),
	} {
		runs := 0
		b := &build{req: BuildRequest{Dynamic: []probe.Runner{runner{&runs}}, CheckRun: asked}}
		got, err := b.runProbes(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]probe.Result{want}, got); diff != "" || (runs == 1) != asked {
			t.Errorf("asked %t: %d runs, results (-want +got):\n%s", asked, runs, diff)
		}
	}
}

// A record of a machine that could try nothing is no answer to --check-run.
func TestRecordsWithoutRunProbes(t *testing.T) {
	host, other := "linux/"+runtime.GOARCH, "linux/other"
	test := func(platform string, status attest.TestStatus) PlatformResult {
		return PlatformResult{Platform: platform, Tests: []attest.Test{
			{Name: attest.ProbeTest("E05-shell"), Status: attest.TestPassed}, {Name: attest.ProbeTest(attack.ID), Status: status},
		}}
	}
	for name, tt := range map[string]struct {
		platforms []PlatformResult
		want      bool
	}{
		"tried":               {[]PlatformResult{test(host, attest.TestPassed)}, true},
		"tried, failed":       {[]PlatformResult{test(other, attest.TestNotRun), test(host, attest.TestFailed)}, true},
		"not tried":           {[]PlatformResult{test(host, attest.TestNotRun)}, false},
		"nothing to be tried": {[]PlatformResult{test(other, attest.TestNotRun)}, true},
	} {
		r := BuildRequest{Dynamic: []probe.Runner{runner{}}}
		if got := r.tried(&record{Platforms: tt.platforms}); got != tt.want {
			t.Errorf("%s: tried = %t, want %t", name, got, tt.want)
		}
	}
}

// Each platform has a statement about itself and the index, and a failed or
// skipped probe is in it.
func TestStatementsOfACheck(t *testing.T) {
	digest := func(c string) string { return "sha256:" + c }
	report := func(platform, d string, results ...probe.Result) *probe.Report {
		return &probe.Report{Platform: platform, Digest: digest(d), Results: results}
	}
	all, err := CheckStatements(&probe.Document{Digest: digest("index"), Platforms: []*probe.Report{
		report("linux/amd64", "a", probe.Answer(attack, []probe.Evidence{{Text: "it gave way"}})),
		report("linux/arm64", "b", probe.Skipped(attack, "another machine")),
	}})
	if err != nil {
		t.Fatal(err)
	}
	var subjects [][]attest.Subject
	var results []string
	for _, s := range all {
		subjects = append(subjects, s.Subjects)
		var r attest.TestResult
		if err := json.Unmarshal(s.Predicate, &r); err != nil {
			t.Fatal(err)
		}
		results = append(results, r.Result)
	}
	want := [][]attest.Subject{
		{{Name: "image", Digest: digest("index")}, {Name: "linux/amd64", Digest: digest("a")}},
		{{Name: "image", Digest: digest("index")}, {Name: "linux/arm64", Digest: digest("b")}},
	}
	if diff := cmp.Diff(want, subjects); diff != "" {
		t.Errorf("subjects (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"FAILED", "WARNED"}, results); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	single, err := CheckStatements(&probe.Document{Digest: digest("a"), Platforms: []*probe.Report{report("linux/amd64", "a", probe.Passed(attack))}})
	if err != nil || len(single[0].Subjects) != 1 {
		t.Errorf("an image without an index: %+v, %v", single, err)
	}
}
