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
	// sweepTime bounds how long a run's end waits for its processes to go. They
	// are gone in milliseconds; on a machine with too much to do the kernel may
	// take seconds to get round to them, and calling them survivors is wrong.
	sweepTime = 10 * time.Second
	// strangerTime is how long a zombie that belongs to no run may wait for
	// whoever started it, before it counts as nobody's.
	strangerTime = 5 * time.Second
	// reapPause keeps a storm of exits from becoming a storm of scans.
	reapPause = 20 * time.Millisecond
)

// sweep ends every process of the run but the main one, which is gone already,
// and reaps those that became this process's children. It returns what is
// left after sweepTime: processes that even SIGKILL does not end.
func (l *lineage) sweep() []int {
	if l.report == nil || childless() {
		return nil
	}
	deadline := time.Now().Add(sweepTime)
	for {
		left, clean := l.strike()
		if clean || time.Now().After(deadline) {
			return left
		}
		time.Sleep(time.Millisecond)
	}
}

// strike kills and reaps once, and returns what it found alive. It is clean
// where there was no trace of the run: a process that forks and exits all the
// time may slip through, but leaves its dead to this process.
func (l *lineage) strike() (alive []int, clean bool) {
	self, dead := os.Getpid(), 0
	complete, err := eachProcess(func(p process) {
		if !l.has(p) || !p.descends(self) {
			return
		}
		switch {
		case !p.zombie:
			p.kill()
			alive = append(alive, p.pid)
		case p.parent == self:
			_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
			dead++
		default: // its parent, which is going as well, has not reaped it
			dead++
		}
	})
	return alive, err != nil || complete && len(alive)+dead == 0
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
				if childless() { // as it mostly is: reading all of /proc is no small thing
					clear(strangers)
					continue
				}
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
		if !isMain(int(info.pid)) {
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

// reap takes the zombies that nobody waits for, and ends strays. Zombies without a mark may be children of another package of this process:
// they are given time. since says when those were seen first.
func reap(since map[int]time.Time, now time.Time) map[int]time.Time {
	lineages.starting.Lock()
	defer lineages.starting.Unlock()
	self := os.Getpid()
	own, err := sandbox.Mark(self)
	if err != nil {
		return since
	}
	waiting := map[int]time.Time{}
	_, _ = eachProcess(func(p process) { // without /proc nothing can be done
		if p.parent != self || isMain(p.pid) {
			return
		}
		mark, err := sandbox.Mark(p.pid)
		unmarked := err != nil || mark == own
		if !p.zombie {
			if !unmarked && stray(mark, own) {
				p.kill()
			}
			return
		}
		if unmarked {
			first, seen := since[p.pid]
			if !seen {
				first = now
			}
			if now.Sub(first) < strangerTime {
				waiting[p.pid] = first
				return
			}
		}
		_, _ = unix.Wait4(p.pid, nil, unix.WNOHANG, nil)
	})
	return waiting
}
