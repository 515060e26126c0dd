package service_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// place is where `executor serve` lives: its directories, and an image whose
// connector is a shell script.
type place struct {
	t       *testing.T
	dir     string
	env     []string
	metrics string // URL
}

// shell stands for a venv's interpreter: it runs bin/datahub.
const shell = "#!/bin/sh\nshift\nexec /bin/sh \"$@\"\n"

func newPlace(t *testing.T, script string, env ...string) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(), metrics: testenv.Address(t)}
	for name, content := range map[string]string{
		"venvs/mysql-bundled/bin/python":  shell,
		"venvs/mysql-bundled/bin/datahub": strings.ReplaceAll(script, "$DIR", p.path("evidence")),
		"venvs/metadata.json":             `{"bundled_plugins": ["mysql"], "cli_version": "1.7.0.17", "venvs": [{"dir": "mysql-bundled", "plugins": ["mysql"]}]}`,
		"evidence/.keep":                  "",
		"secrets/.keep":                   "",
	} {
		must(t, os.MkdirAll(filepath.Dir(p.path(name)), 0o755))
		must(t, os.WriteFile(p.path(name), []byte(content), 0o755))
	}
	p.env = append([]string{
		"LANG=C.UTF-8", "PATH=/usr/bin:/bin", "DATAHUB_BUNDLED_VENV_PATH=" + p.path("venvs"), "EXECUTOR_ID=default",
		"LOCKFORGE_EXECUTOR_STATE_DIR=" + p.path("state"), "LOCKFORGE_EXECUTOR_AUDIT_DIR=" + p.path("audit"),
		"DATAHUB_EXECUTOR_LOG_DIR=" + p.path("logs"), "LOCKFORGE_EXECUTOR_WORK_DIR=" + p.path("work"),
		"DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE=" + p.path("alive"), "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE=" + p.path("ready"),
		"DATAHUB_EXECUTOR_FILE_SECRET_BASEDIR=" + p.path("secrets"), "LOCKFORGE_EXECUTOR_SANDBOX_WRITE=" + p.path("evidence"),
		"LOCKFORGE_EXECUTOR_METRICS_LISTEN=" + p.metrics, "LOCKFORGE_EXECUTOR_TASK_GRACE=1", "LOCKFORGE_EXECUTOR_POLL_INTERVAL=1",
		"LOCKFORGE_EXECUTOR_DRAIN_WAIT=10", "DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=4",
	}, env...)
	return p
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// request asks for a run without a sink.
func request(server *gmstest.Running, id string) {
	recipe := `{"source": {"type": "mysql", "config": {"name": "` + id + `"}}}`
	server.AddRequest(id, map[string]any{"args": map[string]string{"recipe": recipe, "version": "bundled"}})
}

// output is what a process prints, for others to read meanwhile.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (p *place) command(args ...string) *exec.Cmd {
	p.t.Helper()
	self, err := os.Executable()
	must(p.t, err)
	cmd := exec.Command(self, append([]string{asExecutor}, args...)...)
	cmd.Env = p.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// process is a running `executor serve`.
type process struct {
	p     *place
	cmd   *exec.Cmd
	said  *output
	ended chan error
}

// serve starts an executor and waits until it serves.
func (p *place) serve() *process {
	p.t.Helper()
	e := &process{p: p, cmd: p.command("serve"), said: &output{}, ended: make(chan error, 1)}
	e.cmd.Stdout, e.cmd.Stderr = e.said, e.said
	must(p.t, e.cmd.Start())
	go func() { e.ended <- e.cmd.Wait() }()
	p.t.Cleanup(func() {
		_ = e.cmd.Process.Kill() // it may have ended
		if p.t.Failed() {
			p.t.Logf("the executor said:\n%s", e.said)
		}
	})
	p.eventually("serving", func() bool { return strings.Contains(e.said.String(), `"msg":"serving"`) })
	return e
}

// drain is SIGTERM, after which it has to end with code 0.
func (e *process) drain() {
	e.p.t.Helper()
	must(e.p.t, e.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-e.ended:
		if err != nil {
			e.p.t.Errorf("the executor ended: %v", err)
		}
	case <-time.After(limit):
		e.p.t.Error("the executor does not end")
	}
}

// check is `executor check`, with its exit code.
func (p *place) check() (text string, code int) {
	p.t.Helper()
	cmd := p.command("check")
	out, err := cmd.Output()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		p.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// limit bounds what a test waits for.
const limit = 60 * time.Second

func (p *place) eventually(what string, reached func() bool) {
	p.t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if reached() {
			return
		}
	}
	p.t.Fatalf("no %s within %s", what, limit)
}

// scrape returns the metrics by name and labels, without those that all have,
// and their types by name.
func (p *place) scrape() (values map[string]float64, types map[string]string) {
	p.t.Helper()
	response, err := http.Get("http://" + p.metrics + "/metrics")
	must(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(p.t, err)
	values, types = map[string]float64{}, map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = common.ReplaceAllString(strings.TrimSpace(line), "")
		if name, kind, ok := strings.Cut(strings.TrimPrefix(line, "# TYPE "), " "); ok && strings.HasPrefix(line, "# TYPE ") {
			types[name] = kind
			continue
		}
		if i := strings.LastIndexByte(line, ' '); i > 0 && !strings.HasPrefix(line, "#") {
			value, err := strconv.ParseFloat(line[i+1:], 64)
			must(p.t, err)
			values[strings.ReplaceAll(strings.ReplaceAll(line[:i], "{}", ""), ",}", "}")] = value
		}
	}
	return values, types
}

var common = regexp.MustCompile(`executor_(internal|mode)="[^"]*",?`)

// atLeast compares a counter.
func (p *place) atLeast(name string, want float64) {
	p.t.Helper()
	values, types := p.scrape()
	base, _, _ := strings.Cut(name, "{")
	if got, ok := values[name]; !ok || got < want || types[base] != "counter" {
		p.t.Errorf("metric %s is %v (there: %t) of type %q; want a counter of at least %v", name, got, ok, types[base], want)
	}
}

// wroteDown returns the words of each line of what runs left, if they did.
func (p *place) wroteDown(name string) (lines [][]string) {
	p.t.Helper()
	text, err := os.ReadFile(p.path("evidence/" + name))
	if !errors.Is(err, fs.ErrNotExist) {
		must(p.t, err)
	}
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.Fields(line))
	}
	return lines
}

// started says whether a run was.
func (p *place) started(id string) bool {
	p.t.Helper()
	return slices.ContainsFunc(p.wroteDown("starts"), func(words []string) bool { return words[0] == id })
}

// settled looks at every run: it has ended well, once, and was started once.
func (p *place) settled(server *gmstest.Running, ids []string) {
	p.t.Helper()
	for _, id := range ids {
		server.WaitStatus(p.t, id, limit, "SUCCESS", "FAILURE")
	}
	starts := map[string]int{}
	for _, words := range p.wroteDown("starts") {
		starts[words[0]]++
	}
	for _, id := range ids {
		var states []string
		for _, state := range server.History(id) {
			states = append(states, state.Status)
		}
		all := strings.Join(states, " ")
		if starts[id] != 1 || strings.Count(all, "SUCCESS") != 1 || !strings.HasSuffix(all, "SUCCESS") {
			p.t.Errorf("run %s was started %d times and has the states %s", id, starts[id], all)
		}
	}
}

// quiet looks for a word in everything that the executor left.
func (p *place) quiet(server *gmstest.Running, said, secret string) {
	p.t.Helper()
	places := map[string]string{"output": said}
	must(p.t, filepath.WalkDir(p.dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, p.path("evidence")) || strings.HasPrefix(path, p.path("auth")) {
			return err
		}
		text, err := os.ReadFile(path)
		places[path] = string(text)
		return err
	}))
	for _, e := range server.Exchanges() {
		places[e.Path] += e.Body
	}
	for where, text := range places {
		if strings.Contains(text, secret) {
			p.t.Errorf("%q is in %s", secret, where)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// numbered are ids of runs, no other test's: what a killed executor left of
// its runs is found by them.
func numbered(name string, n int) (ids []string) {
	for i := range n {
		ids = append(ids, fmt.Sprintf("%s-%02d", name, i))
	}
	return ids
}
