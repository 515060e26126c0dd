package task

import (
	"errors"
	"os/exec"
	"sync"

	"github.com/lockforge/lockforge/executor/sandbox"
	"golang.org/x/sys/unix"
)

// lineages knows the runs of this process, so that the reaper takes neither a
// child that Run waits for nor one run's orphan for another's.
var lineages = struct {
	// starting is held for reading while a child is started: one that dies at
	// once is known by the time the reaper looks.
	starting sync.RWMutex
	sync.Mutex
	marks map[uint64]bool
	mains map[int]bool
}{marks: map[uint64]bool{}, mains: map[int]bool{}}

// lineage is a started child with all that descends from it.
type lineage struct {
	main  int
	mark  uint64 // 0: not marked, known by session only
	own   uint64 // what processes have that no run started
	child *sandbox.Child
}

// start starts cmd, as a trampoline where there is a policy, for the run with
// an id, which may be empty.
func start(cmd *exec.Cmd, policy *sandbox.Policy, id string) (*lineage, error) {
	l := &lineage{}
	if policy != nil {
		// Orphans come to this process instead of PID 1.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return nil, err
		}
		cmd.SysProcAttr.Setpgid, cmd.SysProcAttr.Setsid = false, true
		var err error
		if l.own, l.mark, err = newMark(id); err != nil {
			return nil, err
		}
		if l.child, err = sandbox.Wrap(cmd, policy, l.mark); err != nil {
			l.forget()
			return nil, err
		}
	}
	lineages.starting.RLock()
	defer lineages.starting.RUnlock()
	if err := cmd.Start(); err != nil {
		if l.child != nil {
			l.child.Close()
		}
		l.forget()
		return nil, err
	}
	l.main = cmd.Process.Pid
	lineages.Lock()
	lineages.mains[l.main] = true
	lineages.Unlock()
	if l.child != nil {
		l.child.Started()
	}
	return l, nil
}

// isMain says whether Run waits for this child.
func isMain(pid int) bool {
	lineages.Lock()
	defer lineages.Unlock()
	return lineages.mains[pid]
}

// stray says whether a marked process belongs to no run: it took its mark down.
func stray(mark, own uint64) bool {
	lineages.Lock()
	defer lineages.Unlock()
	return mark != own && !lineages.marks[mark]
}

func (l *lineage) forget() {
	lineages.Lock()
	defer lineages.Unlock()
	delete(lineages.marks, l.mark)
	delete(lineages.mains, l.main)
}

// report returns what the trampoline said, nil where there was none.
func (l *lineage) report() *sandbox.Report {
	if l.child == nil {
		return nil
	}
	r := l.child.Report()
	return &r
}

// has says whether a descendant of this process belongs to the run. Its
// children carry its mark; where the kernel would not set one, those that
// stayed in its session are known. A stray counts for every run.
func (l *lineage) has(p process) bool {
	if p.session == l.main {
		return true
	}
	if l.mark == 0 {
		return false
	}
	mark, err := sandbox.Mark(p.pid)
	return err == nil && (mark == l.mark || stray(mark, l.own))
}

// kill sends SIGKILL to the process that p described, and to no other that got
// its number since.
func (p process) kill() {
	fd, err := unix.PidfdOpen(p.pid, 0)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		_ = unix.Kill(p.pid, unix.SIGKILL)
		return
	}
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if now, err := readProcess(p.pid); err == nil && now.start == p.start {
		_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}
