package task_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/task"
)

// daemon detaches itself from the child in every way that there is: a double
// fork, sessions, closed streams and an empty environment. It writes its
// number to a file and waits to be found.
const daemon = `setsid sh -c 'setsid env -i sh -c "trap \"\" TERM HUP; echo \$\$ >$1; while :; do sleep 1; done" >/dev/null 2>&1 </dev/null &' `

// withDaemon is a script that starts the daemon and waits for its number.
func withDaemon(pidFile, then string) string {
	return strings.ReplaceAll(daemon, "$1", pidFile) + fmt.Sprintf("\nwhile [ ! -s %s ]; do sleep 0.01; done\n%s", pidFile, then)
}

func sandboxed(t *testing.T, script string) (task.Spec, string) {
	t.Helper()
	s, _ := spec(t, script)
	outputs := t.TempDir()
	s.Sandbox = &sandbox.Policy{Write: []string{outputs}}
	return s, outputs
}

func TestEndSaysWhichControlsTheChildHad(t *testing.T) {
	s, _ := sandboxed(t, "exit 7")
	end := task.Run(t.Context(), s)
	if end.Phase != task.PhaseExited || end.Code != 7 || end.Sandbox == nil {
		t.Fatalf("end = %+v", end)
	}
	for _, c := range []sandbox.Control{sandbox.Descriptors, sandbox.NoNewPrivs, sandbox.Lineage, sandbox.Seccomp} {
		if got := end.Sandbox.State(c); got != sandbox.Obtained {
			t.Errorf("%s is %s", c, got)
		}
	}
}

func TestSandboxedChildStillGetsItsStreamsAndDirectory(t *testing.T) {
	s, _ := sandboxed(t, `cat; echo $HOME; pwd; echo a >file && ls`)
	out := &bytes.Buffer{}
	s.Stdout, s.Stdin = out, strings.NewReader("recipe\n")
	end := task.Run(t.Context(), s)
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if end.Code != 0 || len(lines) != 4 || lines[0] != "recipe" || lines[1] != lines[2] || lines[3] != "file" {
		t.Errorf("end %+v, output %q", end, out)
	}
	if left, _ := os.ReadDir(s.Parent); len(left) != 0 {
		t.Errorf("the directory was left behind: %v", left)
	}
}

func TestRequiredControlThatIsMissingStartsNothing(t *testing.T) {
	s, outputs := sandboxed(t, "")
	s.Argv[2] = "echo ran >" + filepath.Join(outputs, "ran")
	s.Sandbox.Modes = map[sandbox.Control]sandbox.Mode{sandbox.Landlock: sandbox.Require}
	s.Sandbox.LandlockABI = 1000
	end := task.Run(t.Context(), s)
	if end.Phase != task.PhaseNotStarted || end.Code != task.ExitNotStarted || !strings.Contains(end.Error, "landlock") {
		t.Errorf("end = %+v", end)
	}
	if _, err := os.Stat(filepath.Join(outputs, "ran")); err == nil {
		t.Error("the child's code ran")
	}
}

func TestPolicyWithMistakesStartsNothing(t *testing.T) {
	s, _ := sandboxed(t, "")
	s.Sandbox.Write = []string{"relative"}
	if end := task.Run(t.Context(), s); end.Phase != task.PhaseNotStarted || end.Code != task.ExitNotStarted {
		t.Errorf("end = %+v", end)
	}
	s.Sandbox, s.Argv = &sandbox.Policy{}, []string{"/nonexistent/python"}
	if end := task.Run(t.Context(), s); end.Phase != task.PhaseNotStarted || !strings.Contains(end.Error, "/nonexistent/python") {
		t.Errorf("end = %+v", end)
	}
}

func TestNothingOutlivesTheRun(t *testing.T) {
	for _, tc := range []struct{ name, then, phase string }{
		{"child exits", "exit 0", task.PhaseExited},
		{"child is killed", "kill -KILL $$", task.PhaseExited},
		{"run is cancelled", "sleep 100", task.PhaseCancelled},
		{"stubborn run is cancelled", "trap '' TERM; while :; do sleep 0.1; done", task.PhaseCancelled},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, outputs := sandboxed(t, "")
			pidFile := filepath.Join(outputs, "pid")
			s.Argv[2] = withDaemon(pidFile, tc.then)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				if tc.phase == task.PhaseCancelled && appears(pidFile) {
					cancel()
				}
			}()
			end := task.Run(ctx, s)
			cancel()
			if end.Phase != tc.phase || len(end.Left) != 0 {
				t.Errorf("end = %+v", end)
			}
			pid := number(t, pidFile)
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH { // not even a zombie
				t.Errorf("process %d outlived the run", pid)
			}
		})
	}
}

func TestMarkThatWasLoweredHidesNobody(t *testing.T) {
	s, outputs := sandboxed(t, "")
	pidFile := filepath.Join(outputs, "pid")
	if _, err := os.Stat("/bin/bash"); err != nil {
		lacks(t, "no bash, whose ulimit can lower the mark")
	}
	s.Argv = []string{"/bin/bash", "-c", "ulimit -q 4096 && " + withDaemon(pidFile, "exit 0")}
	s.Sandbox.Modes = map[sandbox.Control]sandbox.Mode{sandbox.Seccomp: sandbox.Off}
	if end := task.Run(t.Context(), s); end.Code != 0 || len(end.Left) != 0 {
		t.Errorf("end = %+v", end)
	}
	if err := syscall.Kill(number(t, pidFile), 0); err != syscall.ESRCH {
		t.Error("the daemon outlived the run")
	}
}

// TestProcessThatKeepsMovingIsCaught has a daemon that is another process
// every moment.
func TestProcessThatKeepsMovingIsCaught(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		lacks(t, "no /usr/bin/python3")
	}
	s, outputs := sandboxed(t, "")
	beat := filepath.Join(outputs, "beat")
	s.Argv = []string{"/usr/bin/python3", "-I", "-c", `
import os, sys, time
if os.fork():
    while not os.path.exists(sys.argv[1]): time.sleep(0.01)
    os._exit(0)
n = 0
while True:
    if os.fork(): os._exit(0)
    os.setsid()
    n += 1
    if n % 20 == 0: open(sys.argv[1], "w").close()
`, beat}
	if end := task.Run(t.Context(), s); end.Code != 0 || len(end.Left) != 0 {
		t.Errorf("end = %+v", end)
	}
	if err := os.Remove(beat); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := os.Stat(beat); err == nil {
		t.Error("it still moves")
	}
}

func TestEndOfOneRunSparesTheDaemonsOfAnother(t *testing.T) {
	long, outputs := sandboxed(t, "")
	pidFile := filepath.Join(outputs, "pid")
	long.Argv[2] = withDaemon(pidFile, "sleep 100")
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { task.Run(ctx, long) })
	if !appears(pidFile) {
		t.Fatal("no daemon")
	}
	short, _ := sandboxed(t, "setsid sleep 100 & exit 0")
	if end := task.Run(t.Context(), short); end.Code != 0 {
		t.Errorf("end = %+v", end)
	}
	pid := number(t, pidFile)
	if err := syscall.Kill(pid, 0); err != nil {
		t.Errorf("the other run's daemon is gone: %v", err)
	}
	cancel()
	wait.Wait()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Error("the daemon outlived its run")
	}
}

func TestSandboxCostsLittleTime(t *testing.T) {
	s, _ := sandboxed(t, "exit 0")
	task.Run(t.Context(), s)
	start := time.Now()
	const runs = 20
	for range runs {
		task.Run(t.Context(), s)
	}
	with := time.Since(start) / runs
	s.Sandbox = nil
	start = time.Now()
	for range runs {
		task.Run(t.Context(), s)
	}
	t.Logf("per run: %v with the sandbox, %v without", with, time.Since(start)/runs)
	if with > 500*time.Millisecond {
		t.Errorf("a run takes %v", with)
	}
}

// executorMain runs the script as a supervising executor, with the script's
// orphans coming to it, and prints how many zombies it has in the end.
func executorMain(script string) int {
	if err := task.Supervise(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	end := task.Run(context.Background(), task.Spec{
		Argv: []string{"/bin/sh", "-c", script}, Stdout: os.Stdout, Stderr: os.Stdout,
		Grace: time.Second, Drain: time.Second, Sandbox: &sandbox.Policy{},
	})
	fmt.Printf("code %d left %d %s\n", end.Code, len(end.Left), end.Memory)
	return 0
}

// busyMain runs tasks in parallel, each with its own exit code and daemons, and
// prints what went wrong; in the end no child may be left, dead or alive.
func busyMain() int {
	if err := task.Supervise(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	var wait sync.WaitGroup
	for code := range 40 {
		wait.Go(func() {
			end := task.Run(context.Background(), task.Spec{
				Argv:   []string{"/bin/sh", "-c", fmt.Sprintf("setsid sleep 100 & (setsid true &); exit %d", code)},
				Stdout: os.Stdout, Stderr: os.Stdout, Drain: time.Second, Sandbox: &sandbox.Policy{},
			})
			if end.Code != code || end.Error != "" || len(end.Left) != 0 {
				fmt.Printf("task %d: %+v\n", code, end)
			}
		})
	}
	wait.Wait()
	if _, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); err != syscall.ECHILD {
		fmt.Println("children are left:", err)
	}
	return 0
}

func TestManyRunsAtOnceKeepTheirCodesAndLeaveNothing(t *testing.T) {
	if out, err := exec.Command("/proc/self/exe", asBusyExecutor).CombinedOutput(); err != nil || len(out) != 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestExecutorReapsOrphansWhileTheRunGoesOn also runs it as another user, under
// whom a protected executor has to be able to execute itself.
func TestExecutorReapsOrphansWhileTheRunGoesOn(t *testing.T) {
	const script = `
		i=0; while [ $i -lt 200 ]; do (setsid true &) ; i=$((i+1)); done; sleep 0.5
		for f in /proc/[0-9]*/stat; do read -r line <$f; echo "$line"; done 2>/dev/null | grep -c ") Z $PPID "`
	for _, tc := range []struct {
		name string
		as   *syscall.SysProcAttr
	}{
		{"same user", nil},
		{"another user", &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}},
		{"as PID 1", &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.as != nil && os.Geteuid() != 0 {
				lacks(t, "only root can become somebody else")
			}
			cmd := exec.Command(ownCopy(t), asExecutor, script)
			if tc.name == "as PID 1" {
				cmd = exec.Command("/bin/sh", "-c", `mount --make-rprivate / && mount -t proc proc /proc && exec "$0" "$@"`, ownCopy(t), asExecutor, script)
			}
			cmd.SysProcAttr = tc.as
			out, err := cmd.CombinedOutput()
			if err != nil || string(out) != "0\ncode 1 left 0 \n" {
				t.Errorf("%v: %q", err, out)
			}
		})
	}
}

// ownCopy is this program where every user can execute it.
func ownCopy(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "executor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "executor")
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestDeathOfTheExecutorIsTheChildsDeath(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", asExecutor, "echo $$; exec sleep 100")
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // nobody removes the run's directory
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	expectGone(t, string(line[:n]))
}

func appears(file string) bool {
	for range 500 {
		if content, err := os.ReadFile(file); err == nil && bytes.HasSuffix(content, []byte("\n")) {
			return true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

func number(t *testing.T, file string) int {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// lacks skips a test for want of something, loudly, or fails it where
// everything has to be there.
func lacks(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_ALL") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
