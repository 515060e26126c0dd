package ingestion_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/worker"
	"github.com/lockforge/lockforge/internal/testenv"
)

// report makes "$R" the path of the structured report, the last argument.
const report = `for R in "$@"; do :; done; `

func TestEndsOfAChild(t *testing.T) {
	for name, tc := range map[string]struct {
		script, status, says string
		reason               string
	}{
		"success":        {"true", worker.StatusSuccess, "Successfully executed 'datahub ingest'", ""},
		"failed recipe":  {"exit 3", worker.StatusFailure, "exit code 3", "exit code 3"},
		"segmentation":   {"kill -SEGV $$", worker.StatusFailure, "SIGSEGV", "SIGSEGV"},
		"killed":         {"kill -KILL $$", worker.StatusFailure, "perhaps because it ran out of memory", "SIGKILL"},
		"bad UTF-8":      {`printf 'caf\351 \377\000 \033[31mred\r\n'; echo after`, worker.StatusSuccess, "after", ""},
		"one long line":  {"head -c 20000000 /dev/zero | tr '\\0' x; echo; echo after", worker.StatusSuccess, "[...truncated]", ""},
		"a flood":        {"yes 0123456789 | head -n 300000", worker.StatusSuccess, "lines left out", ""},
		"output is held": {"setsid sleep 100 & echo done", worker.StatusSuccess, "done", ""},
		"memory limit":   {"ulimit -d", worker.StatusSuccess, "524288", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, "PATH=/usr/bin:/bin\n"+tc.script)
			start := time.Now()
			o, _ := f.run(ingest("a", "extra_env_vars", `{"EXECUTOR_TASK_MEMORY_LIMIT": "512MiB"}`))
			if o.Status != tc.status || !strings.Contains(o.Reason, tc.reason) || (o.Reason == "") != (tc.reason == "") {
				t.Errorf("outcome %+v", o)
			}
			if text := text(o); !strings.Contains(unwrapped(text), tc.says) || strings.ContainsAny(text, "\x00\x1b\r") {
				t.Errorf("no word about %q, or characters of control, in\n%.3000s", tc.says, text)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestHostileReportsDoNoHarm(t *testing.T) {
	for name, tc := range map[string]struct {
		script, says string
	}{
		"symbolic link":  {`ln -s /etc/passwd "$R"`, "symbolic link"},
		"FIFO":           {`mkfifo "$R"`, "no regular file"},
		"device":         {`ln -s /dev/zero "$R"`, "symbolic link"},
		"directory":      {`mkdir "$R"`, "no regular file"},
		"another's file": {`: >"$R.1"; ln "$R.1" "$R"`, "other names"},
		"no JSON":        {`echo '{"a": ' >"$R"`, "not a JSON document"},
		"huge":           {`(printf '{"a": ["'; head -c 200000000 /dev/zero | tr '\0' x; printf '"]}') >"$R"`, "was shortened"},
		"sparse":         {`truncate -s 2000000000 "$R"`, "too large"},
		"none":           {`true`, "Execution finished successfully!"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "huge" && testing.Short() {
				t.Skip("200 MB")
			}
			f := newFixture(t, "PATH=/usr/bin:/bin\n"+report+tc.script)
			o, _ := f.run(ingest("a"))
			text, structured := o.Report(4 << 20)
			if o.Status != worker.StatusSuccess || !strings.Contains(unwrapped(text), tc.says) {
				t.Errorf("outcome %+v; no word about %q in\n%.3000s", o, tc.says, text)
			}
			if strings.Contains(text, "root:x:0") || (structured != nil) != (name == "huge") {
				t.Errorf("structured report %.200s", structured)
			}
		})
	}
}

func TestArtifactsOfAChildLeadNowhere(t *testing.T) {
	f := newFixture(t, report+`echo '{}' >"$R"; ln -s $DIR/victim "$INGESTION_ARTIFACT_DIR/ingestion_report.json"; echo x >"$INGESTION_ARTIFACT_DIR/kept"`)
	must(t, os.WriteFile(filepath.Join(f.dir, "victim"), []byte("untouched"), 0o600))
	o, _ := f.run(ingest("a"))
	artifacts := filepath.Join(f.options.Logs.Dir, "a", "artifacts")
	if got := read(t, filepath.Join(f.dir, "victim")); got != "untouched" || o.Status != worker.StatusSuccess {
		t.Errorf("%+v; the link's target has %q", o, got)
	}
	if read(t, filepath.Join(artifacts, "ingestion_report.json")) != "{}" || read(t, filepath.Join(artifacts, "kept")) != "x\n" {
		t.Error("the artifacts are not there")
	}
}

// stubborn ignores SIGTERM and has a detached daemon that does as well.
const stubborn = `PATH=/usr/bin:/bin
trap '' TERM
setsid sh -c 'trap "" TERM HUP; echo $$ >$DIR/daemon; while :; do sleep 1; done' >/dev/null 2>&1 </dev/null &
while [ ! -s $DIR/daemon ]; do sleep 0.01; done
echo $$ >$DIR/pid
while :; do sleep 0.1; done`

func TestStoppedRunsAreGoneAndSaySo(t *testing.T) {
	for _, tc := range []struct {
		cause  error
		status string
		says   string
	}{
		{worker.ErrKilled, worker.StatusCancelled, "Execution was cancelled by request."},
		{worker.ErrOverruled, worker.StatusCancelled, "cancelled"},
		{worker.ErrTimeout, worker.StatusFailure, "stopped: the run took too long"},
		{worker.ErrDraining, worker.StatusFailure, "stopped: the executor is going down"},
	} {
		t.Run(tc.cause.Error(), func(t *testing.T) {
			f := newFixture(t, stubborn)
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() {
				await(t, f.dir+"/pid")
				cancel(tc.cause)
			}()
			o, s := f.runWith(ctx, ingest("a"))
			if o.Status != tc.status || o.Reason == "" || !strings.Contains(text(o), tc.says) {
				t.Errorf("outcome %+v\n%s", o, text(o))
			}
			gone(t, await(t, f.dir+"/daemon"))
			gone(t, fmt.Sprint(s.pid))
		})
	}
}

func TestNothingStartsForAKilledRun(t *testing.T) {
	f := newFixture(t, "echo started >$DIR/started")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(worker.ErrKilled)
	o, _ := f.runWith(ctx, ingest("a", "recipe", `{"source": {"type": "mysql"}}`))
	if _, err := os.Stat(f.dir + "/started"); err == nil || o.Status != worker.StatusCancelled {
		t.Errorf("%+v", o)
	}
}

func TestProgressSaysWhatThereIs(t *testing.T) {
	f := newFixture(t, `echo hunter2hunter2 so far; echo >$DIR/written; while [ ! -e $DIR/go ]; do :; done`)
	now := time.Now()
	var mu sync.Mutex
	f.options.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	ended := make(chan worker.Outcome)
	s := &sink{started: make(chan struct{})}
	r := f.runner()
	go func() { ended <- r.Prepare(ingest("a"))(t.Context(), s) }()
	<-s.started
	await(t, f.dir+"/written")
	var progress string
	for range 200 {
		if progress = s.progress(64 << 10); strings.Contains(progress, "so far") {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	mu.Lock()
	now = now.Add(3 * time.Minute)
	mu.Unlock()
	late := s.progress(64 << 10)
	must(t, os.WriteFile(f.dir+"/go", nil, 0o600))
	<-ended
	if !strings.Contains(progress, "***REDACTED:DB_PASSWORD*** so far") || strings.Contains(progress, "WARNING") || strings.Contains(late, "hunter2") ||
		!strings.Contains(late, "nothing was written for 3m0s") {
		t.Errorf("progress\n%s\nand after three minutes\n%s", progress, late)
	}
}

func TestAnIDRunsOnceAtATime(t *testing.T) {
	f := newFixture(t, `echo >>$DIR/starts; while [ ! -e $DIR/go ]; do :; done`)
	r, s := f.runner(), &sink{started: make(chan struct{})}
	ended := make(chan worker.Outcome)
	go func() { ended <- r.Prepare(ingest("a"))(t.Context(), s) }()
	<-s.started
	again := r.Prepare(ingest("a"))(t.Context(), &sink{})
	must(t, r.Sweep(t.Context(), []worker.Orphan{{ID: "a", PID: s.pid, StartTime: s.start}}))
	must(t, os.WriteFile(f.dir+"/go", nil, 0o600))
	if o := <-ended; o.Status != worker.StatusSuccess || again.Status != worker.StatusFailure || read(t, f.dir+"/starts") != "\n" {
		t.Errorf("the run: %+v\nthe second with its id: %+v", o, again)
	}
}

func TestRunsDoNotSeeEachOther(t *testing.T) {
	f := newFixture(t, `PATH=/usr/bin:/bin
echo mine >file; echo $PWD >$DIR/at; while [ ! -e $DIR/go ]; do sleep 0.01; done`)
	r, s := f.runner(), &sink{started: make(chan struct{})}
	ended := make(chan worker.Outcome)
	go func() { ended <- r.Prepare(ingest("a"))(t.Context(), s) }()
	<-s.started
	other := await(t, f.dir+"/at")
	f.image("1.7.0.17", "PATH=/usr/bin:/bin\ncat "+other+"/file && exit 1; ls "+f.options.Logs.Dir+"/a && exit 1; echo x >"+other+"/new && exit 1; exit 0\n")
	o := r.Prepare(ingest("b"))(t.Context(), &sink{})
	must(t, os.WriteFile(f.dir+"/go", nil, 0o600))
	<-ended
	if strings.Contains(o.Facts["controls_missing"], "landlock") {
		testenv.Missing(t, "the kernel has no Landlock")
	}
	if o.Status != worker.StatusSuccess {
		t.Errorf("one run got at another:\n%s", text(o))
	}
}

func TestSweepClearsUpAfterAKilledExecutor(t *testing.T) {
	f := newFixture(t, stubborn)
	cmd := exec.Command("/proc/self/exe", asExecutor, f.root, f.dir, f.base)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	must(t, cmd.Start())
	daemon := await(t, f.dir+"/daemon")
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	must(t, os.WriteFile(filepath.Join(f.options.Work, "not a run"), nil, 0o600))
	r := f.runner()
	must(t, r.Sweep(t.Context(), nil)) // the directory alone tells that there was a run
	gone(t, daemon)
	left, err := os.ReadDir(f.options.Work)
	if err != nil || len(left) != 1 || left[0].Name() != "not a run" {
		t.Errorf("left: %v, %v", left, err)
	}
	if err := r.Sweep(t.Context(), []worker.Orphan{{ID: "../victim"}, {ID: "never-ran"}}); err != nil {
		t.Error(err)
	}
}

func TestMemoryDoesNotGrowWithRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs")
	}
	f := newFixture(t, "true")
	f.options.Logs.Dir = ""
	r := f.runner()
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	once := func() {
		if o := r.Prepare(ingest("a"))(t.Context(), &sink{}); o.Status != worker.StatusSuccess {
			t.Fatal(text(o))
		}
	}
	once()
	before := heap()
	const runs = 100
	for range runs {
		once()
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("%d runs left %d bytes", runs, grown)
	}
}
