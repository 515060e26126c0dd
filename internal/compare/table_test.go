package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/probe"
)

var (
	shell = probe.Probe{ID: "E05-shell", Title: "No shell", Tier: probe.Image, Severity: probe.Critical, Kind: probe.StaticKind, Fix: "drop it"}
	exec  = probe.Probe{ID: "E18-exec", Title: "Nothing written is run", Tier: probe.Runtime, Severity: probe.High, Kind: probe.DynamicKind, Fix: "noexec"}
)

func report(results ...probe.Result) *probe.Report {
	r := &probe.Report{Platform: "linux/amd64", Results: results}
	for _, result := range results {
		s := probe.Score{Tier: result.Tier, Total: 1}
		switch result.Outcome {
		case probe.Pass:
			s.Passed, s.Percent = 1, 100
		case probe.Fail:
			s.Failed = 1
		default:
			s.NotRun = 1
		}
		r.Scores = append(r.Scores, s)
	}
	return r
}

func write(t *testing.T, r ...*probe.Report) string {
	t.Helper()
	content, err := json.Marshal(probe.Document{Platforms: r})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "document.json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestTheTableShowsEachImageProbeByProbe(t *testing.T) {
	ours := write(t, report(probe.Passed(shell), probe.Skipped(exec, "not as root")))
	peer := write(t, report(
		probe.Answer(shell, []probe.Evidence{{Layer: "sha256:00", Path: "/bin/sh", Text: "shell `sh`, made at 2026-11-22T09:29:07.297249194Z"}, {Path: "/bin/su", Text: "another"}}),
		probe.Passed(exec)))
	var out strings.Builder
	if err := run(&out, []string{"ours=" + ours, "a peer=" + peer}, map[string][]string{"a peer": {"E05-shell"}}); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "\n## Scores\n")
	want := `
| tier                             | ours                    | a peer        |
|----------------------------------|-------------------------|---------------|
| I: the image alone               | 1 of 1, 100 %           | 0 of 1, 0 %   |
| R: the reference runtime profile | 0 of 1, 0 % (1 not run) | 1 of 1, 100 % |

## Probe by probe

In parentheses: how much was found.

| probe                            | tier | what must hold         | ours    | a peer         |
|----------------------------------|------|------------------------|---------|----------------|
| [E05-shell](probes/E05-shell.md) | I    | No shell               | holds   | **broken** (2) |
| [E18-exec](probes/E18-exec.md)   | R    | Nothing written is run | not run | holds          |

## What was found

The first of what each image was caught with.

- E05-shell
  - a peer: ` + "`/bin/sh: shell 'sh', made at …`" + ` and 1 more

## What was not run

- ours: ` + "`not as root`" + `: E18-exec
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDemandsOnPeers(t *testing.T) {
	passing, failing := report(probe.Passed(shell)), report(probe.Answer(shell, []probe.Evidence{{Text: "sh"}}))
	skipped := report(probe.Skipped(shell, "no runc"))
	for name, tc := range map[string]struct {
		peer   *probe.Report
		broken map[string][]string
		want   string // in the error, "" for none
	}{
		"it fails":       {failing, map[string][]string{"peer": {shell.ID}}, ""},
		"it passes":      {passing, map[string][]string{"peer": {shell.ID}}, "E05-shell to fail for peer: pass"},
		"it was not run": {skipped, map[string][]string{"peer": {shell.ID}}, "E05-shell to fail for peer: not run"},
		"no such probe":  {failing, map[string][]string{"peer": {"E99-x"}}, "no such probe"},
		"no such column": {failing, map[string][]string{"per": {shell.ID}}, "no such column"},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			err := run(&out, []string{"ours=" + write(t, passing), "peer=" + write(t, tc.peer)}, tc.broken)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q in it", err, tc.want)
			}
			if out.Len() == 0 {
				t.Error("the table was not written")
			}
		})
	}
}

func TestWhatIsNoComparison(t *testing.T) {
	one, other := write(t, report(probe.Passed(shell))), write(t, report(probe.Passed(exec)))
	for name, args := range map[string][]string{
		"different probes": {"a=" + one, "b=" + other},
		"one image":        {"a=" + one},
		"no results":       {"a=" + write(t, report()), "b=" + write(t, report())},
		"two platforms":    {"a=" + one, "b=" + write(t, report(probe.Passed(shell)), report(probe.Passed(shell)))},
		"no platform":      {"a=" + one, "b=" + write(t)},
		"no file":          {"a=" + one, "b=" + one + ".missing"},
		"no column":        {"a=" + one, one},
	} {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			if err := run(&out, args, nil); err == nil || out.Len() > 0 {
				t.Errorf("error %v, output %q", err, out.String())
			}
		})
	}
}
