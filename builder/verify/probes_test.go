package verify_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/verify"
)

// set changes what the statement says about a test; "" takes it out.
func (x *fixture) set(platform int, name string, status attest.TestStatus, reason string) {
	tests := &x.build.Platforms[platform].Tests
	*tests = slices.DeleteFunc(*tests, func(t attest.Test) bool { return t.Name == name })
	if status != "" {
		*tests = append(*tests, attest.Test{Name: name, Status: status, Reason: reason})
	}
}

// add signs one more statement about tests of a platform.
func (x *fixture) add(t *testing.T, signer *attest.Signer, platform int, tests ...attest.Test) {
	t.Helper()
	p := x.build.Platforms[platform]
	s, err := attest.Results{Suite: "sha256:" + strings.Repeat("5", 64), Tests: tests}.Statement(
		[]attest.Subject{{Name: "image", Digest: x.build.Digest}, {Name: p.Name, Digest: p.Digest}})
	must(t, err)
	x.attach(t, signer, s)
}

func (x *fixture) attach(t *testing.T, signer *attest.Signer, s attest.Statement) {
	t.Helper()
	target, err := attest.Open(t.Context(), "oci:"+x.dir, attest.Options{})
	must(t, err)
	must(t, attest.Attach(t.Context(), target, signer, []attest.Statement{s}))
}

func stranger(t *testing.T) *attest.Signer {
	t.Helper()
	private, _, err := attest.Keygen(filepath.Join(t.TempDir(), "stranger"), nil)
	must(t, err)
	s, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: private})
	must(t, err)
	return s
}

func TestProbesThatAreRequired(t *testing.T) {
	const image, run = "probe E05-shell", "probe E20-attack"
	good := newFixture(t)
	good.require = []probe.Tier{probe.Image, probe.Executor}
	passed := attest.Test{Name: run, Status: attest.TestPassed}
	for name, tt := range map[string]struct {
		before func(t *testing.T, x *fixture) // it is signed
		after  func(t *testing.T, x *fixture)
		want   string // what the refusal says, "" where there is none
	}{
		"all passed": {},
		"failed":     {before: func(_ *testing.T, x *fixture) { x.set(0, image, attest.TestFailed, "") }, want: "E05-shell failed"},
		"not run": {
			before: func(_ *testing.T, x *fixture) { x.set(0, run, attest.TestNotRun, "runc is not installed") },
			want:   "E20-attack not run (runc is not installed)",
		},
		"not known to the signer": {before: func(_ *testing.T, x *fixture) { x.set(0, run, "", "") }, want: "E20-attack not run"},
		"static one not known":    {before: func(_ *testing.T, x *fixture) { x.set(0, image, "", "") }, want: "E05-shell not run"},
		"signed as passed, but fails": {
			before: func(t *testing.T, x *fixture) {
				x.locked.Image.Config["ExposedPorts"] = map[string]any{"80/tcp": map[string]any{}}
				x.write(t)
				x.set(0, "probe E67-port", attest.TestPassed, "")
			},
			want: "E67-port was signed as passed and fails",
		},
		"passed elsewhere": {
			before: func(_ *testing.T, x *fixture) { x.set(0, run, attest.TestNotRun, "no root") },
			after:  func(t *testing.T, x *fixture) { x.add(t, x.signer, 0, passed) },
		},
		"passed elsewhere, says a stranger": {
			before: func(_ *testing.T, x *fixture) { x.set(0, run, attest.TestNotRun, "no root") },
			after:  func(t *testing.T, x *fixture) { x.add(t, stranger(t), 0, passed) },
			want:   "E20-attack not run (no root)",
		},
		"failed elsewhere": {
			after: func(t *testing.T, x *fixture) {
				x.add(t, x.signer, 0, attest.Test{Name: run, Status: attest.TestFailed})
			},
			want: "E20-attack failed",
		},
		"failed here, passed elsewhere": {
			before: func(_ *testing.T, x *fixture) { x.set(0, run, attest.TestFailed, "") },
			after:  func(t *testing.T, x *fixture) { x.add(t, x.signer, 0, passed) },
			want:   "E20-attack failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			x := good.clone(t)
			if tt.before != nil {
				tt.before(t, x)
			}
			x.sign(t, "oci:"+x.dir)
			if tt.after != nil {
				tt.after(t, x)
			}
			report, err := x.run(t, "oci:"+x.dir)
			if tt.want == "" {
				if err != nil || !report.Verified {
					t.Fatalf("%v\n%s", err, table(t, report))
				}
				return
			}
			if fault.KindOf(err) != fault.Denied || fault.KindOf(err).ExitCode() != 30 || report.Verified || !hasFailed(report, "probes") {
				t.Fatalf("error = %v, want it denied for its probes\n%s", err, table(t, report))
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want %q", err, tt.want)
			}
		})
	}
}

// A platform that the build host cannot run has not passed, whatever another one did.
func TestRequiredProbesOfEachPlatform(t *testing.T) {
	x := newFixture(t, "arm64")
	x.require = []probe.Tier{probe.Executor}
	x.set(1, "probe E20-attack", attest.TestNotRun, "the image is for linux/arm64 and this machine is linux/amd64")
	x.sign(t, "oci:"+x.dir)
	report, err := x.run(t, "oci:"+x.dir)
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "linux/arm64") {
		t.Fatalf("error = %v, want it denied for linux/arm64", err)
	}
	for _, c := range report.Checks {
		if want := map[string]verify.Status{"linux/amd64": verify.OK, "linux/arm64": verify.Failed}[c.Platform]; c.Check == "probes" && c.Status != want {
			t.Errorf("%+v, want %s", c, want)
		}
	}
	x.add(t, x.signer, 1, attest.Test{Name: "probe E20-attack", Status: attest.TestPassed})
	if report, err := x.run(t, "oci:"+x.dir); err != nil {
		t.Errorf("after a run on the other machine: %v\n%s", err, table(t, report))
	}
}

// Probes that nobody requires deny nothing, but whatever is not well is named.
func TestProbesThatAreNotRequired(t *testing.T) {
	x := newFixture(t)
	x.set(0, "probe E05-shell", attest.TestFailed, "")
	x.set(0, "probe E20-attack", attest.TestNotRun, "no root")
	x.sign(t, "oci:"+x.dir)
	report, err := x.run(t, "oci:"+x.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Check == "tests" && (!strings.Contains(c.Detail, "1 failed (probe E05-shell)") || !strings.Contains(c.Detail, "1 not run")) {
			t.Errorf("%+v", c)
		}
	}
}

func TestTiersWithoutProbesCannotBeRequired(t *testing.T) {
	x := newFixture(t)
	x.sign(t, "oci:"+x.dir)
	for _, tiers := range [][]probe.Tier{{"Z"}, {probe.Image, probe.Image}} {
		x.require = tiers
		if _, err := x.run(t, "oci:"+x.dir); !fault.Is(err, fault.Usage) {
			t.Errorf("%v: error = %v, want a usage fault", tiers, err)
		}
	}
}

// A sum that its own tests contradict is no result.
func TestResultsThatContradictThemselves(t *testing.T) {
	good := newFixture(t)
	for _, predicate := range []string{
		`{"result":"PASSED","passedTests":[],"warnedTests":[],"failedTests":["import mysql"]}`,
		`{"result":"PASSED","passedTests":[],"warnedTests":["probe E20-attack"],"failedTests":[]}`,
		`{"result":"WARNED","passedTests":[],"warnedTests":[],"failedTests":["import mysql"]}`,
		`{"result":"FAILED","passedTests":[],"warnedTests":[],"failedTests":[]}`,
		`{"result":"GREAT"}`,
		`{"result":7}`,
		`[]`,
	} {
		x := good.clone(t)
		x.sign(t, "oci:"+x.dir)
		x.attach(t, x.signer, attest.Statement{
			PredicateType: attest.TypeTestResult, Predicate: json.RawMessage(predicate),
			Subjects: []attest.Subject{{Name: "image", Digest: x.build.Digest}, {Name: "linux/amd64", Digest: x.build.Platforms[0].Digest}},
		})
		report, err := x.run(t, "oci:"+x.dir)
		if fault.KindOf(err) != fault.Integrity || !hasFailed(report, "tests") {
			t.Errorf("%s: error = %v, want an integrity fault", predicate, err)
		}
	}
}
