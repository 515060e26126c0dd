package task_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/task"
)

func spec(t *testing.T, script string) (task.Spec, *bytes.Buffer) {
	out := &bytes.Buffer{}
	return task.Spec{
		Argv:   []string{"/bin/sh", "-c", script},
		Env:    []string{"LANG=C.UTF-8"},
		Stdout: out,
		Stderr: &bytes.Buffer{},
		Parent: t.TempDir(),
		Grace:  200 * time.Millisecond,
		Drain:  200 * time.Millisecond,
	}, out
}

func TestRunPassesOnHowTheChildEnded(t *testing.T) {
	for _, tc := range []struct {
		name, script string
		want         task.End
		output       string
	}{
		{"success", "echo hello", task.End{Phase: task.PhaseExited}, "hello\n"},
		{"its own code", "exit 7", task.End{Phase: task.PhaseExited, Code: 7}, ""},
		{"a signal", "kill -SEGV $$", task.End{Phase: task.PhaseExited, Code: 139, Signal: 11}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out := spec(t, tc.script)
			if diff := cmp.Diff(tc.want, task.Run(t.Context(), s)); diff != "" {
				t.Errorf("end (-want +got):\n%s", diff)
			}
			if out.String() != tc.output {
				t.Errorf("output %q, want %q", out, tc.output)
			}
		})
	}
}

func TestRunSaysWhenNothingStarted(t *testing.T) {
	s, _ := spec(t, "")
	s.Argv = []string{"/nonexistent/python"}
	end := task.Run(t.Context(), s)
	if end.Phase != task.PhaseNotStarted || end.Code != task.ExitNotStarted || end.Error == "" {
		t.Errorf("end = %+v", end)
	}
}

func TestChildHasOnlyAllowedVariablesAndAnEmptyDirectory(t *testing.T) {
	s, out := spec(t, `env; pwd; ls -A; stat -c %a .`)
	s.Env = []string{
		"LANG=C.UTF-8", "PIP_INDEX_URL=x", "UV_INDEX=x", "PYTHONPATH=/evil", "LD_PRELOAD=/evil.so",
		"AWS_SECRET_ACCESS_KEY=s3cret", "PATH=/evil", "HOME=/evil", "TMPDIR=/evil", "HTTPS_PROXY=http://proxy.example",
	}
	if end := task.Run(t.Context(), s); end.Code != 0 {
		t.Fatalf("end = %+v\n%s", end, out)
	}
	for _, bad := range []string{"evil", "s3cret", "PIP_", "UV_"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q reached the child:\n%s", bad, out)
		}
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	dir, mode := lines[len(lines)-2], lines[len(lines)-1]
	if filepath.Dir(dir) != s.Parent || mode != "700" {
		t.Errorf("ran in %s with mode %s, want an own directory of mode 700 below %s", dir, mode, s.Parent)
	}
	if left, _ := os.ReadDir(s.Parent); len(left) != 0 {
		t.Errorf("the directory was left behind: %v", left)
	}
	if !strings.Contains(out.String(), "HTTPS_PROXY=http://proxy.example") {
		t.Error("an allowed variable did not reach the child")
	}
}

func TestStdinReachesTheChildAndMayBeIgnored(t *testing.T) {
	s, out := spec(t, "cat")
	s.Stdin = strings.NewReader("recipe")
	if end := task.Run(t.Context(), s); end.Code != 0 || out.String() != "recipe" {
		t.Errorf("end = %+v, output %q", end, out)
	}
	s, _ = spec(t, "exit 3")
	s.Stdin = bytes.NewReader(make([]byte, 8<<20))
	if end := task.Run(t.Context(), s); end.Code != 3 {
		t.Errorf("end = %+v", end)
	}
}

func TestCancelEndsTheWholeGroup(t *testing.T) {
	for _, tc := range []struct {
		name, trap string
		code       int
	}{
		{"polite child", "trap 'exit 5' TERM", 5},
		{"stubborn child", "trap '' TERM", 137},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, out := spec(t, tc.trap+`; (trap "" TERM; sleep 100) & echo $!; while :; do sleep 0.01; done`)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(100*time.Millisecond, cancel)
			end := task.Run(ctx, s)
			if end.Phase != task.PhaseCancelled || end.Code != tc.code {
				t.Errorf("end = %+v, want code %d", end, tc.code)
			}
			expectGone(t, out.String())
		})
	}
}

func TestTimeoutIsNamed(t *testing.T) {
	s, _ := spec(t, "sleep 100")
	s.Timeout = 50 * time.Millisecond
	if end := task.Run(t.Context(), s); end.Phase != task.PhaseTimeout || end.Signal != int(syscall.SIGTERM) {
		t.Errorf("end = %+v", end)
	}
}

func TestGrandchildThatHoldsTheOutputDelaysNothing(t *testing.T) {
	s, out := spec(t, `setsid sleep 5 & echo done`)
	start := time.Now()
	end := task.Run(t.Context(), s)
	if end.Code != 0 || out.String() != "done\n" {
		t.Errorf("end = %+v, output %q", end, out)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("waited %v for a grandchild", took)
	}
}

func expectGone(t *testing.T, pidLine string) {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimSpace(pidLine))
	if err != nil {
		t.Fatalf("no pid in %q", pidLine)
	}
	for range 100 {
		state, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		// A killed orphan may stay a zombie until init reaps it.
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is still alive", pid)
}
