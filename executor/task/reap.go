package task

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"time"
	"unsafe"

	"github.com/lockforge/lockforge/executor/sandbox"
	"golang.org/x/sys/unix"
)

const (
	// sweepTime bounds how long a run's end waits for its processes to go.
	sweepTime = 2 * time.Second
	// strangerTime is how long a zombie that belongs to no run may wait for
	// whoever started it, before it counts as nobody's.
	strangerTime = 5 * time.Second
	// reapPause keeps a storm of exits from becoming a storm of scans.
	reapPause = 20 * time.Millisecond
)

// sweep ends every process of the run but the main one, which is gone already,
// and reaps those that became this process's children. It returns what is
// left after 2 s: processes that even SIGKILL does not end.
func (l *lineage) sweep() []int {
	if l.child == nil || childless() {
		return nil
	}
	deadline := time.Now().Add(sweepTime)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		left := l.strike()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(pause)
	}
}

// strike kills and reaps once, and returns what it found alive.
func (l *lineage) strike() []int {
	self := os.Getpid()
	all, err := descendants(self)
	if err != nil {
		return nil
	}
	var alive []int
	for _, p := range all {
		if !l.has(p) {
			continue
		}
		switch {
		case !p.zombie:
			p.kill()
			alive = append(alive, p.pid)
		case p.parent == self:
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
		default: // its parent, which is going as well, has not reaped it
		}
	}
	return alive
}

// Supervise makes this process the one that orphans of its children come to,
// protects its memory from them, and reaps what ends, until ctx is done. It is
// what a long-lived executor calls once; as PID 1 it reaps every orphan of the
// container.
func Supervise(ctx context.Context) error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := sandbox.Protect(); err != nil {
		return err
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		defer signal.Stop(ended)
		again := time.NewTicker(strangerTime)
		defer again.Stop()
		strangers := map[int]time.Time{}
		for {
			select {
			case <-ctx.Done():
				return
			case <-ended:
				if !orphanEnded() {
					continue
				}
			case <-again.C:
			}
			strangers = reap(strangers, time.Now())
			time.Sleep(reapPause)
		}
	}()
	return nil
}

// childless says whether this process has no child at all, so that nothing can
// descend from it. It is cheaper than looking at every process.
func childless() bool {
	return errors.Is(unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil), unix.ECHILD)
}

// orphanEnded says whether there may be a zombie that no Run waits for. The
// kernel shows one zombie, so a run's main child is given a moment to go.
func orphanEnded() bool {
	for range 5 {
		var info childInfo
		if err := unix.Waitid(unix.P_ALL, 0, (*unix.Siginfo)(unsafe.Pointer(&info)), unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil || info.pid == 0 {
			return false
		}
		lineages.Lock()
		ours := lineages.mains[int(info.pid)]
		lineages.Unlock()
		if !ours {
			return true
		}
		time.Sleep(reapPause)
	}
	return true
}

// childInfo is siginfo_t as waitid fills it in, on 64-bit machines.
type childInfo struct {
	_   [4]int32 // si_signo, si_errno, si_code, padding
	pid int32
	_   [27]int32
}

// reap takes the zombies that nobody waits for, and ends orphans of no run.
// Zombies without a mark may be children of another package of this process:
// they are given time. since says when those were seen first.
func reap(since map[int]time.Time, now time.Time) map[int]time.Time {
	lineages.starting.Lock()
	defer lineages.starting.Unlock()
	lineages.Lock()
	defer lineages.Unlock()
	self := os.Getpid()
	own, err := sandbox.Mark(self)
	if err != nil {
		return since
	}
	all, err := descendants(self)
	if err != nil {
		return since
	}
	waiting := map[int]time.Time{}
	for _, p := range all {
		if p.parent != self || lineages.mains[p.pid] {
			continue
		}
		mark, err := sandbox.Mark(p.pid)
		unmarked := err != nil || mark == own
		if !p.zombie {
			if !unmarked && !lineages.marks[mark] {
				p.kill() // no run has this mark: it was tampered with
			}
			continue
		}
		if unmarked {
			first, seen := since[p.pid]
			if !seen {
				first = now
			}
			if now.Sub(first) < strangerTime {
				waiting[p.pid] = first
				continue
			}
		}
		_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
	}
	return waiting
}
