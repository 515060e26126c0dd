package task

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/lockforge/lockforge/executor/sandbox"
	"golang.org/x/sys/unix"
)

// Orphan is a run whose executor was killed.
type Orphan struct {
	ID string // as Spec.ID
	// PID and StartTime are what Spec.Started was told; 0 where nothing was.
	PID       int
	StartTime uint64
}

// LeftError is the error for processes that SIGKILL did not end.
type LeftError struct{ PIDs []int }

func (e *LeftError) Error() string {
	return fmt.Sprintf("processes %v of earlier runs are still there after %v of SIGKILL", e.PIDs, sweepTime)
}

// Sweep ends what an earlier process of this executor left of runs: whatever
// carries the mark that is derived from an id, however it was detached; and
// where a child had no mark, the child and its session if it is there still,
// with its start time. It leaves alone the runs of this process. It fails with
// *LeftError, or when ctx ends.
func Sweep(ctx context.Context, left []Orphan) error {
	own, err := sandbox.Mark(os.Getpid())
	if err != nil {
		return fmt.Errorf("reading this process's mark: %w", err)
	}
	o := orphans{marks: map[uint64]bool{}, mains: map[process]bool{}}
	for _, run := range left {
		if mark := derive(run.ID, own); run.ID != "" && mark != 0 {
			if !stray(mark, own) {
				continue // it runs here
			}
			o.marks[mark] = true
		}
		if run.PID > 1 {
			o.mains[process{pid: run.PID, start: run.StartTime}] = true
		}
	}
	deadline := time.Now().Add(sweepTime)
	for clean := 0; clean < 2; { // one that forks all the time may slip through once
		alive, err := o.strike()
		switch {
		case err != nil:
			return fmt.Errorf("looking for the processes of earlier runs: %w", err)
		case len(alive) == 0:
			clean++
			continue
		case time.Now().After(deadline):
			return &LeftError{alive}
		}
		clean = 0
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// orphans tells the processes of dead runs from all others.
type orphans struct {
	marks map[uint64]bool
	mains map[process]bool // by pid and start only
}

// strike kills once, and returns what it found alive. The dead are reaped by
// whoever their parent is by now.
func (o orphans) strike() (alive []int, err error) {
	sessions := map[int]bool{}
	for main := range o.mains {
		if now, err := readProcess(main.pid); err == nil && now.start == main.start {
			sessions[main.pid] = now.session == main.pid
		}
	}
	self := os.Getpid()
	_, err = eachProcess(func(p process) {
		if p.zombie || p.pid == self || p.pid == 1 {
			return
		}
		session, main := sessions[p.session], o.mains[process{pid: p.pid, start: p.start}]
		if !session && !main && !o.marked(p.pid) {
			return
		}
		p.kill()
		alive = append(alive, p.pid)
	})
	return alive, err
}

func (o orphans) marked(pid int) bool {
	var bound unix.Rlimit
	if len(o.marks) == 0 || unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &bound) != nil {
		return false
	}
	return o.marks[bound.Max]
}
