package task_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/task"
)

// namedMain runs the script as the run with an id, and prints what Started was told.
func namedMain(id, script string) int {
	if err := task.Supervise(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	end := task.Run(context.Background(), task.Spec{
		ID: id, Argv: []string{"/bin/sh", "-c", script}, Stdout: os.Stdout, Stderr: os.Stdout, Drain: time.Second,
		Started: func(pid int, start uint64) { fmt.Println("started", pid, start) },
		Sandbox: &sandbox.Policy{Modes: map[sandbox.Control]sandbox.Mode{sandbox.Landlock: sandbox.Off}},
	})
	return end.Code
}

// killedExecutor runs a script under an id in another process, and kills that
// without mercy when the daemon is there. It returns the daemon's number file.
func killedExecutor(t *testing.T, id string) string {
	t.Helper()
	dir := t.TempDir() // of the run, too, which nobody removes
	pidFile := filepath.Join(dir, "pid")
	cmd := exec.Command("/proc/self/exe", asNamed, id, withDaemon(pidFile, "sleep 100"))
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if !appears(pidFile) {
		t.Fatal("the daemon did not start")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	return pidFile
}

func TestSweepEndsWhatAKilledExecutorLeftOfTheRun(t *testing.T) {
	mine, other := killedExecutor(t, "run-a"), killedExecutor(t, "run-b")
	if err := task.Sweep(t.Context(), []task.Orphan{{ID: "run-a"}, {ID: "never-ran"}}); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(mine)
	if err != nil {
		t.Fatal(err)
	}
	expectGone(t, string(content))
	alive := func() bool { return exists(number(t, other)) == nil }
	if !alive() {
		t.Error("another run's process was ended")
	}
	if err := task.Sweep(t.Context(), []task.Orphan{{ID: "run-b"}}); err != nil {
		t.Fatal(err)
	}
	if alive() && !zombie(number(t, other)) {
		t.Error("the other run's process is still there")
	}
}

func TestSweepFindsAnUnmarkedChildByItsStart(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "sleep 100 & echo $!; wait")
	cmd.SysProcAttr = newSession()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var child int
	if _, err := fmt.Fscan(out, &child); err != nil {
		t.Fatal(err)
	}
	start := startTime(t, cmd.Process.Pid)
	if err := task.Sweep(t.Context(), []task.Orphan{{ID: "x", PID: cmd.Process.Pid, StartTime: start + 1}}); err != nil {
		t.Fatal(err)
	}
	if exists(cmd.Process.Pid) != nil {
		t.Error("a process with the number of a dead one was ended")
	}
	if err := task.Sweep(t.Context(), []task.Orphan{{ID: "x", PID: cmd.Process.Pid, StartTime: start}}); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expectGone(t, fmt.Sprint(child))
}

func TestSweepLeavesAloneWhatRunsHere(t *testing.T) {
	s, _ := sandboxed(t, "sleep 0.3; exit 6")
	s.ID = "under-way"
	started := make(chan struct{})
	s.Started = func(int, uint64) { close(started) }
	ended := make(chan task.End)
	go func() { ended <- task.Run(t.Context(), s) }()
	<-started
	if err := task.Sweep(t.Context(), []task.Orphan{{ID: "under-way"}}); err != nil {
		t.Error(err)
	}
	again := task.Run(t.Context(), s)
	if again.Phase != task.PhaseNotStarted || !strings.Contains(again.Error, "under way") {
		t.Errorf("a second run with the id: %+v", again)
	}
	if end := <-ended; end.Code != 6 || end.Phase != task.PhaseExited {
		t.Errorf("the run ended with %+v", end)
	}
	s.Started = nil
	if again := task.Run(t.Context(), s); again.Code != 6 {
		t.Errorf("the id is not free again: %+v", again)
	}
}

func TestStartedTellsWhichProcessItIs(t *testing.T) {
	s, out := spec(t, `read -r line </proc/$$/stat; echo "$line"`)
	var pid int
	var start uint64
	s.Started = func(p int, at uint64) { pid, start = p, at }
	task.Run(t.Context(), s)
	fields := strings.Fields(out.String())
	if len(fields) < 22 || fields[0] != fmt.Sprint(pid) || fields[21] != fmt.Sprint(start) {
		t.Errorf("told %d started at %d; the child is %q", pid, start, out)
	}
}

func TestNothingStartsAfterTheEnd(t *testing.T) {
	s, out := spec(t, "echo started")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	end := task.Run(ctx, s)
	if end.Phase != task.PhaseCancelled || out.Len() != 0 {
		t.Errorf("end = %+v, output %q", end, out)
	}
}

func newSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// syscallKill asks whether a process exists.
func exists(pid int) error { return syscall.Kill(pid, 0) }

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func startTime(t *testing.T, pid int) uint64 {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	var start uint64
	if _, err := fmt.Sscan(strings.Fields(string(stat[bytes.LastIndexByte(stat, ')'):]))[20], &start); err != nil {
		t.Fatal(err)
	}
	return start
}
