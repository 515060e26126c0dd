package integration_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
)

// probes demands the answers of the escape suite: of a build that ran nothing
// in the image, and again after somebody did and signed what came of it.
func (q quickstart) probes(t *testing.T) {
	demand := []string{"verify", "oci:image", "--key", "cosign.pub", "--require-probes", "I,R"}
	if out := q.exits(t, 30, demand...); !strings.Contains(out.stderr, "not run (not asked for: build with --check-run)") {
		t.Errorf("verify does not say which probes were not run:\n%s", out.stderr)
	}
	q.must(t, "check", "oci:image", "--run", "--statement", "results.json")
	q.must(t, "attest", "oci:image", "--key", "cosign.key", "--statement", "results.json")
	q.must(t, append(demand, "--summary", "summary.json")...)
	if summary := readFile(t, q.path("summary.json")); !strings.Contains(summary, `"verifiedLevels":["SLSA_BUILD_LEVEL_1","LOCKFORGE_PROBES_I","LOCKFORGE_PROBES_R"]`) {
		t.Errorf("the summary is\n%s", summary)
	}
	q.must(t, "attest", "oci:image", "--key", "cosign.key", "--statement", "summary.json")
	q.must(t, "verify", "oci:image", "--key", "cosign.pub")
	stock := testenv.StockCosign(t)
	for _, kind := range []string{attest.TypeTestResult, attest.TypeVSA} {
		out := stock.MustRun("verify-attestation", "--key", q.path("cosign.pub"), "--type", kind, "--offline", "--insecure-ignore-tlog", "--local-image", q.path("image"))
		if n := strings.Count(out, `"payload"`); n != 2 {
			t.Errorf("cosign finds %d statements of type %s, want the build's and the later one", n, kind)
		}
	}
}

// probesElsewhere has the image attacked at a BuildKit that it was not built by,
// straight from a registry and without runc here.
func (q quickstart) probesElsewhere(t *testing.T) {
	state := t.TempDir()
	e, err := engine.Start(t.Context(), engine.Options{StateDir: state, Self: []string{program(t), engine.Subcommand}, Sink: progress.None()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	q.workplace = q.with(offline...)
	check := []string{"check", q.reference(), "--allow-http-registry", "--platform", "linux/" + runtime.GOARCH, "--run", "--buildkit-addr", e.Address}
	answer := decode[probe.Document](t, q.exits(t, 30, append(check, "--min", "I=100,R=1", "--format", "json")...).stdout)
	if len(answer.Unreached) != 1 || answer.Unreached[0].Tier != probe.Runtime {
		t.Errorf("not reached are %v, want tier R", answer.Unreached)
	}
	ran, not := 0, 0
	for _, r := range answer.Platforms[0].Results {
		switch {
		case r.Kind != probe.DynamicKind:
		case r.Tier == probe.Image && r.Outcome == probe.Pass:
			ran++
		case r.Tier != probe.Image && r.Outcome == probe.NotRun && strings.Contains(r.Reason, "BuildKit"):
			not++
		default:
			t.Errorf("%s of tier %s: %s (%s) %v", r.ID, r.Tier, r.Outcome, r.Reason, r.Evidence)
		}
	}
	if ran == 0 || not == 0 {
		t.Errorf("%d probes ran, and %d did not", ran, not)
	}
	t.Run("interrupted", func(t *testing.T) { q.interrupted(t, filepath.Join(state, "state"), check) })
}

// interrupted ends a check while an attack runs: neither the attack is left at
// the BuildKit nor anything of the image here.
func (q quickstart) interrupted(t *testing.T, state string, check []string) {
	scratch := t.TempDir()
	cmd := exec.Command(program(t), append([]string{"--cache-dir", q.cache, "--progress", "none"}, check...)...)
	cmd.Dir, cmd.Env = q.dir, append(append(os.Environ(), q.env...), "TMPDIR="+scratch)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "an attack", func() bool { return len(bundles(state)) > 0 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d, want 130", code)
	}
	await(t, "its end", func() bool { return len(bundles(state)) == 0 })
	if left, err := os.ReadDir(scratch); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}

// bundles are the containers that a BuildKit runs, each in a directory with its
// configuration.
func bundles(state string) []string {
	found, _ := fs.Glob(os.DirFS(state), "runc-*/executor/*/config.json")
	return found
}

func await(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s does not come", what)
		}
	}
}
