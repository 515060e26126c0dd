package integration_test

import (
	"bytes"
	"cmp"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// endLimit bounds the end of an executor that was told to.
const endLimit = 30 * time.Second

// executor is a running `executor serve`.
type executor struct {
	t     testing.TB
	place *place
	cmd   *exec.Cmd
	said  *spoken
	ended chan struct{} // closed when it has ended
	out   bool          // its output is with its place
}

// spoken is what a process prints, for others to read meanwhile.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start starts an executor in the place, which ends with the test.
func (p *place) start(env ...string) *executor {
	p.t.Helper()
	e := &executor{t: p.t, place: p, said: &spoken{}, ended: make(chan struct{})}
	e.cmd = exec.Command(cmp.Or(p.program, program(p.t)), "serve")
	e.cmd.Env = append(append([]string{"LANG=C.UTF-8"}, p.env...), env...)
	e.cmd.Stdout, e.cmd.Stderr = e.said, e.said
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	must(p.t, e.cmd.Start())
	go func() {
		defer close(e.ended)
		_ = e.cmd.Wait() // the exit code says it
	}()
	p.t.Cleanup(func() {
		e.kill()
		if p.t.Failed() {
			p.t.Logf("an executor said:\n%s", tail(e.said.String()))
		}
	})
	return e
}

// beside is the environment of a second executor in the place.
func (p *place) beside() []string {
	return []string{
		"LOCKFORGE_EXECUTOR_STATE_DIR=" + p.path("state2"), "LOCKFORGE_EXECUTOR_AUDIT_DIR=" + p.path("audit2"),
		"LOCKFORGE_EXECUTOR_WORK_DIR=" + p.path("work2"), "DATAHUB_EXECUTOR_LOG_DIR=" + p.path("logs2"),
		"DATAHUB_EXECUTOR_LIVENESS_HEARTBEAT_FILE=" + p.path("alive2"), "DATAHUB_EXECUTOR_READINESS_HEARTBEAT_FILE=" + p.path("ready2"),
	}
}

// serving waits until it serves.
func (e *executor) serving() *executor {
	e.t.Helper()
	for end := time.Now().Add(endLimit); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if strings.Contains(e.said.String(), `"msg":"serving"`) {
			return e
		}
		if e.over() {
			break
		}
	}
	e.t.Fatalf("the executor does not serve:\n%s", tail(e.said.String()))
	return e
}

func (e *executor) over() bool {
	select {
	case <-e.ended:
		return true
	default:
		return false
	}
}

// kill is kill -9.
func (e *executor) kill() {
	_ = e.cmd.Process.Kill() // it may have ended
	<-e.ended
	e.hand()
}

// hand leaves what it said to its place.
func (e *executor) hand() {
	if !e.out {
		e.out = true
		e.place.spoken = append(e.place.spoken, e.said.String())
	}
}

// drain is SIGTERM; the executor has to end in good order.
func (e *executor) drain() {
	e.t.Helper()
	must(e.t, e.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-e.ended:
	case <-time.After(endLimit):
		e.t.Fatalf("the executor does not end within %s:\n%s", endLimit, tail(e.said.String()))
	}
	e.hand()
	if code := e.cmd.ProcessState.ExitCode(); code != 0 {
		e.t.Errorf("the executor ended with code %d:\n%s", code, tail(e.said.String()))
	}
}
