package task

import (
	"errors"
	"os"
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
	process *os.Process
	mark    uint64 // 0: not marked, known by session only
	own     uint64 // what processes have that no run started
	report  *sandbox.Report
}

// start starts a program for the run with an id, which may be empty, once all
// is prepared and allowed returns nil. Without a policy there are no controls,
// and no report. Where it fails, the lineage has nothing but the report.
func start(program sandbox.Program, policy *sandbox.Policy, id string, allowed func() error) (l *lineage, err error) {
	l = &lineage{}
	if policy == nil {
		policy = &sandbox.Policy{Modes: sandbox.Modes(sandbox.Off)}
	} else {
		l.report = &sandbox.Report{}
		// Orphans come to this process instead of PID 1.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return l, err
		}
		if l.own, l.mark, err = newMark(id); err != nil {
			return l, err
		}
	}
	if err := l.begin(program, policy, allowed); err != nil {
		l.forget()
		return l, err
	}
	return l, nil
}

// begin makes the process of a lineage that has its mark.
func (l *lineage) begin(program sandbox.Program, policy *sandbox.Policy, allowed func() error) error {
	plan, report, err := sandbox.Prepare(policy, program, l.mark)
	if err == nil {
		defer plan.Close()
		err = allowed()
	}
	if err == nil {
		lineages.starting.RLock()
		defer lineages.starting.RUnlock()
		l.process, report, err = plan.Start()
	}
	if l.report != nil {
		*l.report = report
	}
	if err != nil {
		return err
	}
	lineages.Lock()
	defer lineages.Unlock()
	lineages.mains[l.process.Pid] = true
	return nil
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
	if l.process != nil {
		delete(lineages.mains, l.process.Pid)
	}
}

// has says whether a descendant of this process belongs to the run. Its
// children carry its mark; where the kernel would not set one, those that
// stayed in its session are known. A stray counts for every run.
func (l *lineage) has(p process) bool {
	if p.session == l.process.Pid {
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
