package integration_test

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// place is where an executor lives: its directories, an image with the CLI of
// the tests, and a server. Executors come and go in it.
type place struct {
	t        testing.TB
	dir      string
	gms      *gmstest.Running
	password string   // the secret DB_PASSWORD, in a mounted file
	second   string   // another secret; "" is none
	token    string   // of the executor, in a mounted file
	env      []string // of every executor here
	spoken   []string // what executors here have printed
	program  string   // the executor; "" is the one under test as it is
	real     bool     // the CLI is the real one, which leaves no line for its starts
}

// newPlace makes a place for executors that poll.
func newPlace(t testing.TB) *place {
	t.Helper()
	p := makePlace(t)
	p.serve(gmstest.Options{})
	p.env = append(p.env, "LOCKFORGE_EXECUTOR_SOURCES=poll")
	return p
}

// makePlace makes one without a server.
func makePlace(t testing.TB) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), token: "t0ken-" + rand.Text(), password: `p"ss/` + rand.Text() + "+&\u00e9"}
	for name, content := range map[string]string{"secrets/DB_PASSWORD": p.password + "\n", "auth/token": p.token, "evidence/starts": "", "state/.keep": ""} {
		must(t, os.MkdirAll(filepath.Join(p.dir, filepath.Dir(name)), 0o755))
		must(t, os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600))
	}
	p.image()
	p.env = []string{
		"EXECUTOR_ID=default", "DATAHUB_BUNDLED_VENV_PATH=" + p.path("venvs"),
		"DATAHUB_AUTH_TYPE=pat", "DATAHUB_AUTH_TOKEN_FILE=" + p.path("auth/token"),
		"LOCKFORGE_EXECUTOR_STATE_DIR=" + p.path("state"), "LOCKFORGE_EXECUTOR_AUDIT_DIR=" + p.path("audit"),
		"DATAHUB_EXECUTOR_LOG_DIR=" + p.path("logs"), "LOCKFORGE_EXECUTOR_WORK_DIR=" + p.path("work"),
		"DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE=" + p.path("alive"), "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE=" + p.path("ready"),
		"DATAHUB_EXECUTOR_FILE_SECRET_BASEDIR=" + p.path("secrets"), "LOCKFORGE_EXECUTOR_SANDBOX_WRITE=" + p.path("evidence"),
		"LOCKFORGE_EXECUTOR_METRICS_LISTEN=off", "LOCKFORGE_EXECUTOR_TASK_GRACE=1", "LOCKFORGE_EXECUTOR_POLL_INTERVAL=1",
		"DATAHUB_EXECUTOR_INGESTION_SIGNAL_POLL_INTERVAL=0.5", "LOCKFORGE_EXECUTOR_DRAIN_WAIT=5",
	}
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// image makes the venvs of mysql and file, whose interpreter is this program.
func (p *place) image() {
	p.t.Helper()
	self, err := os.Executable()
	must(p.t, err)
	for _, plugin := range []string{"mysql", "file"} {
		bin := p.path("venvs/" + plugin + "-bundled/bin")
		must(p.t, os.MkdirAll(bin, 0o755))
		must(p.t, os.Symlink(self, filepath.Join(bin, "python")))
		must(p.t, os.WriteFile(filepath.Join(bin, "datahub"), nil, 0o755))
	}
	metadata := `{"bundled_plugins": ["file", "mysql"], "cli_version": "1.7.0.17", "venvs": [{"dir": "mysql-bundled", "plugins": ["mysql"]}, {"dir": "file-bundled", "plugins": ["file"]}]}`
	must(p.t, os.WriteFile(p.path("venvs/metadata.json"), []byte(metadata), 0o644))
}

// serve starts the server, which takes the executor's token only.
func (p *place) serve(o gmstest.Options) {
	p.t.Helper()
	o.Credentials = []string{"Bearer " + p.token}
	p.gms = gmstest.Start(p.t, o)
	p.env = append(p.env, "DATAHUB_GMS_URL="+p.gms.URL())
}

// request asks for a run as the UI does.
func (p *place) request(id string, a act) { p.gms.AddRequest(id, p.input(a)) }

// input is a request's own part of its aspect.
func (p *place) input(a act) map[string]any {
	a.Evidence = p.path("evidence")
	recipe, err := json.Marshal(map[string]any{"source": map[string]any{"type": "mysql", "config": a}})
	must(p.t, err)
	return map[string]any{"args": map[string]string{"recipe": string(recipe), "version": "bundled"}}
}

// started returns the process ids of the starts of a run.
func (p *place) started(id string) (pids []int) {
	p.t.Helper()
	text, err := os.ReadFile(p.path("evidence/starts"))
	must(p.t, err)
	for line := range strings.Lines(string(text)) {
		if name, pid, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == id {
			n, err := strconv.Atoi(pid)
			must(p.t, err)
			pids = append(pids, n)
		}
	}
	return pids
}

// awaitStart waits until the CLI runs for a run, and returns its process id.
func (p *place) awaitStart(id string) int {
	p.t.Helper()
	p.eventually(20*time.Second, "start of run "+id, func() bool { return len(p.started(id)) > 0 })
	return p.started(id)[0]
}

func (p *place) eventually(limit time.Duration, what string, reached func() bool) {
	p.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if reached() {
			return
		}
	}
	p.t.Fatalf("no %s within %s; the executors said:\n%s", what, limit, tail(strings.Join(p.spoken, "")))
}

// final waits for the end of a run and returns its state.
func (p *place) final(id string, limit time.Duration) gmstest.Result {
	p.t.Helper()
	return p.gms.WaitStatus(p.t, id, limit, terminal...)
}

// ends waits for the end of a run, which has to have a status.
func (p *place) ends(id, status string) gmstest.Result {
	p.t.Helper()
	r := p.final(id, time.Minute)
	if r.Status != status {
		p.t.Errorf("run %s ended as %s, want %s; its report:\n%s", id, r.Status, status, r.Report)
	}
	return r
}

// terminal are the statuses of runs that are over.
var terminal = []string{"SUCCESS", "FAILURE", "CANCELLED", "ABORTED"}

// settled checks what holds for every run whatever broke: it ended, once, and
// was started at most once; nothing of it is left. Call it when no executor
// runs.
func (p *place) settled(ids ...string) map[string]int {
	p.t.Helper()
	counts := map[string]int{}
	for _, id := range ids {
		history := p.gms.History(id)
		ended := 0
		for _, state := range history {
			if slices.Contains(terminal, state.Status) {
				ended++
			}
		}
		starts := 1
		if !p.real {
			starts = len(p.started(id))
		}
		switch {
		case len(history) == 0:
			p.t.Errorf("run %s was lost: it has no state", id)
			continue
		case ended != 1 || !slices.Contains(terminal, history[len(history)-1].Status):
			p.t.Errorf("run %s ended %d times; it has the states %s", id, ended, statuses(history))
		case starts > 1 || starts == 0 && history[len(history)-1].Status == "SUCCESS":
			p.t.Errorf("run %s was started %d times; it has the states %s", id, starts, statuses(history))
		}
		counts[history[len(history)-1].Status]++
	}
	p.nothingLeft()
	return counts
}

func statuses(history []gmstest.Result) string {
	var all []string
	for _, state := range history {
		all = append(all, state.Status)
	}
	return strings.Join(all, " ")
}

// nothingLeft looks for processes and scratch directories of runs.
func (p *place) nothingLeft() {
	p.t.Helper()
	var left []string
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if left = p.processes(); len(left) == 0 {
			break
		}
	}
	if len(left) > 0 {
		p.t.Errorf("processes are left: %s", strings.Join(left, "; "))
	}
	for _, dir := range []string{"work", "work2"} {
		if entries, err := os.ReadDir(p.path(dir)); err == nil && len(entries) > 0 {
			p.t.Errorf("scratch directories are left: %v", entries)
		}
	}
}

// processes are those that live and have something to do with this place.
func (p *place) processes() (found []string) {
	p.t.Helper()
	entries, err := os.ReadDir("/proc")
	must(p.t, err)
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err != nil || e.Name() == strconv.Itoa(os.Getpid()) {
			continue
		}
		// What ends meanwhile, or is dead and not reaped, has neither.
		cmdline, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		environ, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if strings.Contains(string(cmdline)+string(environ), p.dir+"/") {
			found = append(found, fmt.Sprintf("%s %s", e.Name(), strings.ReplaceAll(string(cmdline), "\x00", " ")))
		}
	}
	return found
}

func tail(log string) string {
	lines := strings.Split(log, "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}
