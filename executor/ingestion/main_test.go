package ingestion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/executor/worker"
)

// asExecutor is the test binary as an executor that runs one request.
const asExecutor = "executor"

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == asExecutor {
		os.Exit(executorMain(os.Args[2], os.Args[3], os.Args[4]))
	}
	if err := task.Supervise(context.Background()); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// executorMain runs the request of a fixture, for a test that kills it.
func executorMain(root, dir, base string) int {
	o, err := options(root, dir, base)
	if err == nil {
		err = task.Supervise(context.Background())
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	r, err := ingestion.New(o)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(r.Prepare(ingest("killed"))(context.Background(), &sink{}).Reason)
	return 0
}

// options are those of a fixture: an image, a directory that its scripts may
// write, and one for everything else.
func options(root, dir, base string) (ingestion.Options, error) {
	policy, err := recipe.DefaultPolicy()
	return ingestion.Options{
		Venvs: root, Version: ingestion.Strict, Policy: policy,
		Env:     []string{"LANG=C.UTF-8", "DATAHUB_GMS_TOKEN=t0ken-of-the-executor", "DB_PASSWORD=hunter2hunter2", "PATH=/evil"},
		Stores:  []secret.Store{secret.Env{Environ: []string{"DB_PASSWORD=hunter2hunter2"}, Allow: []string{"DB_PASSWORD"}}},
		Sandbox: &sandbox.Policy{Write: []string{dir}},
		Grace:   300 * time.Millisecond,
		Work:    filepath.Join(base, "work"),
		Logs:    ingestion.Logs{Dir: filepath.Join(base, "logs")},
	}, err
}

// fixture is an image with a venv for mysql, whose datahub command is a shell
// script, and a Runner for it.
type fixture struct {
	t       testing.TB
	root    string
	dir     string // of what scripts leave for the test
	base    string // of what the executor makes
	options ingestion.Options
}

// shell stands for a venv's interpreter: it runs bin/datahub.
const shell = "#!/bin/sh\nshift\nexec /bin/sh \"$@\"\n"

func newFixture(t testing.TB, script string) *fixture {
	t.Helper()
	f := &fixture{t: t, root: t.TempDir(), dir: t.TempDir(), base: t.TempDir()}
	f.image("1.7.0.17", strings.ReplaceAll(script, "$DIR", f.dir))
	var err error
	f.options, err = options(f.root, f.dir, f.base)
	must(t, err)
	return f
}

func (f *fixture) image(release, script string) {
	f.t.Helper()
	bin := filepath.Join(f.root, "mysql-bundled", "bin")
	must(f.t, os.MkdirAll(bin, 0o755))
	must(f.t, os.WriteFile(filepath.Join(bin, "python"), []byte(shell), 0o755))
	must(f.t, os.WriteFile(filepath.Join(bin, "datahub"), []byte(script), 0o755))
	metadata, err := json.Marshal(map[string]any{"bundled_plugins": []string{"mysql"}, "cli_version": release})
	must(f.t, err)
	must(f.t, os.WriteFile(filepath.Join(f.root, "metadata.json"), metadata, 0o644))
}

func (f *fixture) runner() *ingestion.Runner {
	f.t.Helper()
	r, err := ingestion.New(f.options)
	must(f.t, err)
	return r
}

func (f *fixture) run(q queue.Request) (worker.Outcome, *sink) {
	f.t.Helper()
	return f.runWith(f.t.Context(), q)
}

func (f *fixture) runWith(ctx context.Context, q queue.Request) (worker.Outcome, *sink) {
	f.t.Helper()
	s := &sink{}
	o := f.runner().Prepare(q)(ctx, s)
	if left, err := os.ReadDir(f.options.Work); err == nil && len(left) != 0 {
		f.t.Errorf("scratch directories are left: %v", left)
	}
	return o, s
}

// text returns the report of an outcome.
func text(o worker.Outcome) string {
	text, _ := o.Report(4 << 20)
	return text
}

const mysqlRecipe = `{"source": {"type": "mysql", "config": {"password": "${DB_PASSWORD}"}}}`

func ingest(id string, args ...string) queue.Request {
	q := queue.Request{ID: id, Task: queue.RunIngest, Args: map[string]string{"recipe": mysqlRecipe, "version": "bundled"}}
	for i := 0; i+1 < len(args); i += 2 {
		q.Args[args[i]] = args[i+1]
	}
	return q
}

// sink is a worker's side of a run.
type sink struct {
	mu       sync.Mutex
	refuse   error
	starting int
	pid      int
	start    uint64
	progress func(int) string
	started  chan struct{} // closed at the start, where it is not nil
}

func (s *sink) Starting() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting++
	return s.refuse
}

func (s *sink) Started(pid int, start uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pid, s.start = pid, start
	if s.started != nil {
		close(s.started)
	}
}

func (s *sink) Progress(render func(int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = render
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

// await waits for a file with a whole line.
func await(t *testing.T, path string) string {
	t.Helper()
	for range 500 {
		if content, err := os.ReadFile(path); err == nil && strings.HasSuffix(string(content), "\n") {
			return strings.TrimSpace(string(content))
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not appear", path)
	return ""
}

// gone waits until a process has ended.
func gone(t *testing.T, pid string) {
	t.Helper()
	for range 200 {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %s is still alive", pid)
}
