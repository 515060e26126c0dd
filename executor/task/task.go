// Package task runs one child process under supervision: in its own process
// group and an empty directory of its own, with a bounded way to end, and
// under the controls of package sandbox where the spec has a policy.
package task

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
)

// ExitNotStarted is the exit code where the child never ran.
const ExitNotStarted = 125

// Phases of a run, as an end record names them.
const (
	PhaseNotStarted = "not-started" // nothing ran
	PhaseExited     = "exited"      // the child ended by itself
	PhaseCancelled  = "cancelled"   // it was told to end
	PhaseTimeout    = "timeout"     // it ran out of time
)

// Spec describes a run.
type Spec struct {
	// ID names the run: where Sandbox is not nil, [Sweep] finds by it what is
	// left of the run after this process was killed. It may be empty; no two
	// runs of a process have the same one at a time, see ErrRunning.
	ID   string
	Argv []string // Argv[0] is an absolute path
	// Env is the executor's environment, of which the child gets a part, see
	// Environment. Set is what it gets besides, unjudged: "NAME=value".
	Env, Set []string
	Stdin    io.Reader
	// Stdout and Stderr get the child's output unchanged, from two goroutines.
	Stdout, Stderr io.Writer
	// Starting is asked whether the child may exist when all that it needs is
	// made; after an error nothing runs. nil asks nobody.
	Starting func() error
	// Started is told the child's process id and start time (field 22 of
	// /proc/<pid>/stat, clock ticks after boot) once it exists; nil tells nobody.
	Started func(pid int, startTime uint64)
	// Parent is the directory in which the child's own working directory is made.
	Parent string
	// Timeout ends the run; 0 is none.
	Timeout time.Duration
	// Grace is the time between SIGTERM and SIGKILL.
	Grace time.Duration
	// Drain bounds the wait for output after the child's exit, where a
	// process it left behind holds the pipe.
	Drain time.Duration
	// Sandbox says under which controls the child runs, with this process as
	// the one that its orphans come to. nil is none: then what leaves the
	// child's session may outlive the run.
	Sandbox *sandbox.Policy
}

// End says how a run ended. Code is the exit code for the executor's own
// process: the child's, or 128+n when it died of signal n, or 125.
type End struct {
	Phase  string `json:"phase"`
	Code   int    `json:"code"`
	Signal int    `json:"signal,omitempty"`
	Error  string `json:"error,omitempty"`
	// Memory says what is known where the child may have run out of memory,
	// see [Memory]. Evidence is what that rests on.
	Memory   Memory `json:"memory,omitempty"`
	Evidence string `json:"evidence,omitempty"`
	// Sandbox says which controls the child ran under; nil without a policy.
	Sandbox *sandbox.Report `json:"sandbox,omitempty"`
	// Left are processes of the run that 10 s of SIGKILL did not end.
	Left []int `json:"left,omitempty"`
}

// NotStarted is the end of a run whose child could not be started.
func NotStarted(err error) End {
	return End{Phase: PhaseNotStarted, Code: ExitNotStarted, Error: err.Error()}
}

// Run starts the child and waits for its end. When ctx is cancelled or the
// time is up the process group gets SIGTERM, and SIGKILL after the grace
// period. Nothing of the group, and with a sandbox nothing that descends from
// the child, is left when Run returns: End.Left names exceptions.
func Run(ctx context.Context, s Spec) End {
	if ctx.Err() != nil {
		return End{Phase: PhaseCancelled, Code: ExitNotStarted, Error: context.Cause(ctx).Error()}
	}
	dir, err := os.MkdirTemp(s.Parent, "run-")
	if err != nil {
		return NotStarted(fmt.Errorf("making the working directory: %w", err))
	}
	defer func() { _ = Remove(dir) }() // nobody can do more about it

	var timedOut atomic.Bool
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if s.Timeout > 0 {
		timer := time.AfterFunc(s.Timeout, func() { timedOut.Store(true); cancel() })
		defer timer.Stop()
	}

	pipes, err := connect(s)
	if err != nil {
		return NotStarted(err)
	}
	defer pipes.close()
	program := sandbox.Program{Argv: s.Argv, Env: append(Environment(s.Env, dir), s.Set...), Dir: dir, Files: pipes.child}
	run, err := start(program, s.Sandbox, s.ID, s.allowed)
	if err != nil {
		e := NotStarted(fmt.Errorf("starting %s: %w", s.Argv[0], err))
		e.Sandbox = run.report
		return e
	}
	defer run.forget()
	pipes.started()
	memory := readMemory() // nothing has run out of it yet

	group := -run.process.Pid
	s.tell(run.process.Pid)
	exited := make(chan struct{})
	stopped := make(chan bool, 1)
	go func() { stopped <- stop(ctx, group, s.Grace, exited) }()
	state, err := run.process.Wait()
	close(exited)
	told := <-stopped
	// The child is gone; what it left behind must not outlive it.
	_ = syscall.Kill(group, syscall.SIGKILL)
	left := run.sweep()
	pipes.drain(s.Drain)
	if err != nil { // nobody but this waits for it
		e := NotStarted(fmt.Errorf("waiting for the child: %w", err))
		e.Sandbox, e.Left = run.report, left
		return e
	}
	e := end(state)
	e.told(told, timedOut.Load())
	e.Sandbox, e.Left = run.report, left
	if e.Phase == PhaseExited {
		e.Memory, e.Evidence = memory.judge(e, state)
	}
	return e
}

// allowed asks whether the child may exist.
func (s Spec) allowed() error {
	if s.Starting == nil {
		return nil
	}
	return s.Starting()
}

// tell passes on which process the child is. One that was reaped already, so
// fast, is nobody's to find.
func (s Spec) tell(pid int) {
	if s.Started == nil {
		return
	}
	if p, err := readProcess(pid); err == nil {
		s.Started(pid, p.start)
	}
}

// stop ends the process group when ctx is done before the child exits, and
// returns whether it did.
func stop(ctx context.Context, group int, grace time.Duration, exited <-chan struct{}) bool {
	select {
	case <-exited:
		return false
	case <-ctx.Done():
	}
	select {
	case <-exited: // both at once: it ended by itself
		return false
	default:
	}
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(grace):
		_ = syscall.Kill(group, syscall.SIGKILL)
	}
	return true
}

func end(state *os.ProcessState) End {
	e := End{Phase: PhaseExited, Code: state.ExitCode()}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = int(status.Signal())
		e.Code = 128 + e.Signal
	}
	return e
}

// told notes whether the child was told to end, and why.
func (e *End) told(told, timedOut bool) {
	switch {
	case told && timedOut:
		e.Phase = PhaseTimeout
	case told:
		e.Phase = PhaseCancelled
	}
}
