package check_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/check"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/internal/testenv"
)

func TestNothingIsWrong(t *testing.T) {
	in := working(t)
	clock := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer clock.Close()
	in.Config.GMS.URL = clock.URL
	report := run(in)
	for _, r := range report.Results {
		// Where the tests run decides what the root file system is like and
		// how full the disk is.
		if r.Name != check.NameRootFS && r.Name != check.NameState && r.Status != check.OK {
			t.Errorf("%s: %s: %+v", r.Name, r.Status, r.Findings)
		}
	}
	if code := report.ExitCode(); code != check.ExitOK {
		t.Errorf("exit code %d:\n%s", code, text(t, report))
	}
}

// broken is one thing that is wrong: with what, which check says so, as what
// kind of problem, and with which words in it.
type broken struct {
	spoil  func(t *testing.T, in *check.Inputs)
	check  string
	status check.Status
	kind   check.Kind
	words  string
}

func TestWhatIsWrong(t *testing.T) {
	for name, tt := range map[string]broken{
		"no metadata": {func(t *testing.T, in *check.Inputs) { in.Config.Venvs.Root = t.TempDir() },
			check.NameImage, check.Failed, check.Environment, contract.MetadataFile},
		"no interpreter": {func(t *testing.T, in *check.Inputs) {
			remove(t, filepath.Join(in.Config.Venvs.Root, "mysql-bundled", "bin", "python"))
		}, check.NameImage, check.Failed, check.Environment, "mysql"},
		"an interpreter that leads nowhere": {func(t *testing.T, in *check.Inputs) {
			python := filepath.Join(in.Config.Venvs.Root, "mysql-bundled", "bin", "python")
			remove(t, python)
			if err := os.Symlink("/nowhere", python); err != nil {
				t.Fatal(err)
			}
		}, check.NameImage, check.Failed, check.Environment, "python"},
		"no venv": {func(t *testing.T, in *check.Inputs) { remove(t, filepath.Join(in.Config.Venvs.Root, "mysql-bundled")) },
			check.NameImage, check.Failed, check.Environment, "mysql-bundled"},
		"no build info": {func(_ *testing.T, in *check.Inputs) { in.BuildInfo = "/nowhere" },
			check.NameImage, check.Warning, check.Environment, "not known"},
		"another build": {func(t *testing.T, in *check.Inputs) { writeJSON(t, in.BuildInfo, contract.BuildInfo{CLIVersion: "1"}) },
			check.NameImage, check.Failed, check.Environment, "1.7.0.17"},
		"no policy": {func(_ *testing.T, in *check.Inputs) { in.Config.Recipe.Policy = "/nowhere" },
			check.NamePolicy, check.Failed, check.Configuration, "/nowhere"},
		"no sandbox": {func(_ *testing.T, in *check.Inputs) { in.Sandbox = nil },
			check.NameSandbox, check.Warning, check.Configuration, "no controls"},
		"a program that does not start": {func(_ *testing.T, in *check.Inputs) { in.Program = []string{"/nowhere"} },
			check.NameSandbox, check.Failed, check.Environment, "does not start"},
		"state that is a file": {func(t *testing.T, in *check.Inputs) {
			in.Config.State.Dir = filepath.Join(t.TempDir(), "file")
			writeFile(t, in.Config.State.Dir, "", 0o600)
		}, check.NameState, check.Failed, check.Environment, "no directory"},
		"a corrupt journal": {corruptJournal, check.NameState, check.Failed, check.Environment, "journal"},
		"no stores": {func(_ *testing.T, in *check.Inputs) { in.Stores = nil },
			check.NameSecrets, check.Warning, check.Configuration, "no store"},
		"a store that is down": {func(_ *testing.T, in *check.Inputs) {
			in.Stores = append(in.Stores, store{"aws-sm", errors.New("out of reach")})
		},
			check.NameSecrets, check.Failed, check.Environment, "store aws-sm: out of reach"},
		"no directory of secrets": {func(_ *testing.T, in *check.Inputs) { in.Stores = append(in.Stores, secret.Dir{Path: "/nowhere"}) },
			check.NameSecrets, check.Failed, check.Environment, "/nowhere"},
		"no such variable": {func(_ *testing.T, in *check.Inputs) {
			in.Config.Secrets.Env = []string{"A_SECRET", "ANOTHER", "THIRD_*"}
		},
			check.NameSecrets, check.Warning, check.Configuration, "ANOTHER, THIRD_*"},
		"server down": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).reached = &gms.Error{Kind: gms.Unavailable} },
			check.NameServer, check.Failed, check.Environment, "unavailable"},
		"a server that asks for another CLI": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).config.DefaultCLIVersion = "1.8.0" },
			check.NameServer, check.Warning, check.Configuration, "1.8.0"},
		"strict": {func(_ *testing.T, in *check.Inputs) { in.Config.Venvs.Version = config.VersionStrict },
			check.NameServer, check.Warning, check.Configuration, "strict"},
		"DataHub Cloud": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).config.RemoteExecutorBackend = true },
			check.NameServer, check.Warning, check.Environment, "not public"},
		"a wrong token": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).checked = &gms.Error{Kind: gms.Unauthorized} },
			check.NameCredential, check.Failed, check.Authentication, "unauthorized"},
		"a refused client": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).checked = auth.ErrRefused },
			check.NameCredential, check.Failed, check.Authentication, "refused"},
		"no right to read": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).checked = &gms.Error{Kind: gms.Forbidden} },
			check.NameCredential, check.Failed, check.Authentication, "forbidden"},
		"no right to write": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).writes = &gms.Error{Kind: gms.Forbidden} },
			check.NamePrivilege, check.Failed, check.Authentication, "forbidden"},
		"a server that takes anything": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).writes = nil },
			check.NamePrivilege, check.Warning, check.Environment, "without a status"},
		"a server that cannot say": {func(_ *testing.T, in *check.Inputs) { in.Server.(*server).writes = &gms.Error{Kind: gms.Unavailable} },
			check.NamePrivilege, check.Warning, check.Environment, "not known"},
		"a source that is down": {func(_ *testing.T, in *check.Inputs) {
			in.Sources = append(in.Sources, source{"gms", errors.New("no search")})
		}, check.NameSource + "gms", check.Failed, check.Environment, "no search"},
		"a property without effect": {func(_ *testing.T, in *check.Inputs) {
			in.Sources = []check.Source{noting{source{name: "kafka"}, []string{"property fetch.min.bytez is unknown"}}}
		}, check.NameSource + "kafka", check.Warning, check.Configuration, "fetch.min.bytez"},
		"tokens that end, and an old CLI": {func(t *testing.T, in *check.Inputs) {
			in.Renewed, in.Config.Venvs.Version = true, config.VersionBundled
			writeJSON(t, filepath.Join(in.Config.Venvs.Root, contract.MetadataFile), contract.Metadata{
				BundledPlugins: []string{"mysql"}, CLIVersion: "1.7.0.13", Venvs: []contract.Venv{{Dir: "mysql-bundled", Plugins: []string{"mysql"}}},
			})
		}, check.NameCredential, check.Warning, check.Environment, "has the one of its start: CLI 1.7.0.13"},
		"a directory of logs that is another user's": {func(t *testing.T, in *check.Inputs) {
			if os.Geteuid() != 0 {
				testenv.Missing(t, "only root can make a directory of another user")
			}
			dir := t.TempDir()
			if err := os.Chown(dir, 1000, 1000); err != nil {
				t.Fatal(err)
			}
			in.Config.Logs.Dir = dir
		}, check.NameState, check.Failed, check.Environment, "not a directory of this user's own"},
		"a warning of the configuration": {func(_ *testing.T, in *check.Inputs) {
			in.Warnings = []config.Warning{{Where: "DATAHUB_EXECUTOR_X", Text: "is unknown"}}
		}, check.NameConfiguration, check.Warning, check.Configuration, "DATAHUB_EXECUTOR_X"},
	} {
		t.Run(name, func(t *testing.T) {
			in := working(t)
			tt.spoil(t, &in)
			got := result(t, run(in), tt.check)
			if got.Status != tt.status {
				t.Fatalf("%s: %+v", got.Status, got.Findings)
			}
			problems := append(got.Failures, got.Warnings...)
			for _, p := range problems {
				if p.Kind == tt.kind && strings.Contains(p.What, tt.words) {
					return
				}
			}
			t.Errorf("no problem of kind %s has %q: %+v", tt.kind, tt.words, problems)
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// corruptJournal damages a record that others follow.
func corruptJournal(t *testing.T, in *check.Inputs) {
	dir := in.Config.State.Journal()
	j, err := journal.Open(dir, journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b", "c"} {
		if err := j.Append(journal.Record{ID: id, State: journal.Accepted}); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "journal*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the journal's file: %v, %v", files, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, strings.Replace(string(content), `"id":"a"`, `"id":"x"`, 1), 0o600)
	}
}

func TestJournalThatIsUsed(t *testing.T) {
	in := working(t)
	j, err := journal.Open(in.Config.State.Journal(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	got := result(t, run(in), check.NameState)
	if len(got.Failures) > 0 || !strings.Contains(strings.Join(got.Notes, "\n"), "in use") {
		t.Errorf("%+v", got.Findings)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	in := working(t)
	dir := filepath.Join(t.TempDir(), "state", "deeper")
	in.Config.State.Dir = dir
	run(in)
	if _, err := os.Stat(filepath.Dir(dir)); err == nil {
		t.Error("a directory was made")
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(filepath.Dir(dir)), ".executor-check-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPort(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for listen, want := range map[string]check.Status{
		"off": check.OK, "127.0.0.1:0": check.OK, taken.Addr().String(): check.Warning, "203.0.113.1:9": check.Failed,
	} {
		in := working(t)
		in.Config.Metrics.Listen = listen
		if got := result(t, run(in), check.NamePort); got.Status != want {
			t.Errorf("%s: %s: %+v", listen, got.Status, got.Findings)
		}
	}
}

func TestClock(t *testing.T) {
	for name, tt := range map[string]struct {
		off  time.Duration
		date bool
		want check.Status
	}{
		"the same": {0, true, check.OK}, "a little": {50 * time.Second, true, check.OK},
		"behind": {-time.Hour, true, check.Failed}, "ahead": {time.Hour, true, check.Failed}, "none": {0, false, check.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 2, 3, 4, 5, 900_000_000, time.UTC)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if tt.date {
					w.Header().Set("Date", now.Add(tt.off).Format(http.TimeFormat))
				}
			}))
			defer server.Close()
			in := working(t)
			in.Config.GMS.URL, in.Now = server.URL, func() time.Time { return now }
			if got := result(t, run(in), check.NameClock); got.Status != tt.want {
				t.Errorf("%s: %+v", got.Status, got.Findings)
			}
		})
	}
}

func TestControls(t *testing.T) {
	in := working(t)
	in.Sandbox = &sandbox.Policy{Modes: map[sandbox.Control]sandbox.Mode{sandbox.Landlock: sandbox.Prefer}}
	got := result(t, run(in), check.NameSandbox)
	if len(got.Failures) > 0 || !strings.Contains(strings.Join(got.Notes, "\n"), string(sandbox.NoNewPrivs)) {
		t.Errorf("%+v", got.Findings)
	}
	in.Sandbox = &sandbox.Policy{LandlockABI: 1000, Modes: map[sandbox.Control]sandbox.Mode{sandbox.Landlock: sandbox.Require}}
	got = result(t, run(in), check.NameSandbox)
	if len(got.Failures) != 1 || !strings.Contains(got.Failures[0].What, "landlock") {
		t.Errorf("a control that no kernel has: %+v", got.Findings)
	}
}

func TestExitCodes(t *testing.T) {
	fail := func(kind check.Kind) check.Check {
		return check.Simple(string(kind), kind, "", func(context.Context) error { return errors.New("wrong") })
	}
	for _, tt := range []struct {
		checks []check.Check
		want   int
	}{
		{nil, check.ExitOK},
		{[]check.Check{fail(check.Environment)}, check.ExitOther},
		{[]check.Check{fail(check.Environment), fail(check.Authentication)}, check.ExitAuthentication},
		{[]check.Check{fail(check.Environment), fail(check.Authentication), fail(check.Configuration)}, check.ExitConfiguration},
		{[]check.Check{{Name: "warns", Run: func(context.Context) check.Findings {
			return check.Findings{Warnings: []check.Problem{{Kind: check.Configuration}}}
		}}}, check.ExitOK},
	} {
		if got := check.Run(context.Background(), tt.checks, time.Now).ExitCode(); got != tt.want {
			t.Errorf("exit code %d, want %d", got, tt.want)
		}
	}
}

func TestWrongConfigurationIsAllThatIsSaid(t *testing.T) {
	_, warnings, err := config.Load([]string{"EXECUTOR_ID=a,a", "DATAHUB_AUTH_TYPE=none", "DATAHUB_EXECUTOR_METRICS_PORT=x"}, "")
	report := run(check.Inputs{Warnings: warnings, Err: err})
	if len(report.Results) != 1 || len(report.Results[0].Failures) != 2 || report.ExitCode() != check.ExitConfiguration {
		t.Errorf("%d: %+v", report.ExitCode(), report.Results)
	}
}

func TestSkipped(t *testing.T) {
	in := working(t)
	in.Server.(*server).reached = &gms.Error{Kind: gms.Unavailable}
	report := run(in)
	for _, name := range []string{check.NameCredential, check.NamePrivilege, check.NameClock} {
		if got := result(t, report, name); got.Status != check.Skipped || got.Notes == nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestCheckThatDoesNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		report := check.Run(t.Context(), []check.Check{{Name: "deaf", Run: func(context.Context) check.Findings {
			<-release
			return check.Findings{}
		}}}, time.Now)
		if report.ExitCode() != check.ExitOther || report.Results[0].DurationMS > 2*check.Timeout.Milliseconds() {
			t.Errorf("%+v", report)
		}
	})
}

func TestText(t *testing.T) {
	report := check.Report{Results: []check.Result{
		{Name: "first", Status: check.OK, Findings: check.Findings{Notes: []string{"fine"}}},
		{Name: "second", Status: check.Failed, Findings: check.Findings{
			Failures: []check.Problem{{Kind: check.Environment, What: "broken\nin two lines", Fix: "mend it"}},
			Warnings: []check.Problem{{Kind: check.Environment, What: "odd"}},
		}},
		{Name: "third", Status: check.Skipped},
	}}
	want := `ok    first
      fine
FAIL  second
      broken
      in two lines
        fix: mend it
      odd
skip  third
3 checks: 1 ok, 0 with warnings, 1 failed, 1 skipped
`
	if diff := cmp.Diff(want, text(t, report)); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestJSON(t *testing.T) {
	var b strings.Builder
	report := check.Report{Results: []check.Result{{Name: "a", Status: check.Failed, Findings: check.Findings{
		Failures: []check.Problem{{Kind: check.Authentication, What: "<w>", Fix: "f"}},
	}}}}
	if err := report.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var got any
	if err := json.Unmarshal([]byte(b.String()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"exitCode": 3.0, "checks": []any{map[string]any{
		"name": "a", "status": "failed", "durationMs": 0.0,
		"failures": []any{map[string]any{"kind": "authentication", "what": "<w>", "fix": "f"}},
	}}}
	if diff := cmp.Diff(want, got); diff != "" || !strings.Contains(b.String(), "<w>") {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestReportsAreMasked(t *testing.T) {
	in := working(t)
	in.Sources = []check.Source{source{"kafka", errors.New("the library says hidden-value")}}
	in.Warnings = []config.Warning{{Where: "X", Text: "hidden-value"}}
	masker, err := mask.New(in.Config.Hidden())
	if err != nil {
		t.Fatal(err)
	}
	report := run(in)
	if got := text(t, report.Masked(masker.String)); strings.Contains(got, "hidden-value") || !strings.Contains(got, "the library says") {
		t.Errorf("the report is\n%s", got)
	}
	if !strings.Contains(text(t, report), "hidden-value") {
		t.Error("masking changed the report itself")
	}
}
