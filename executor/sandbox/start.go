package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Protect keeps other processes of the same user, the children among them,
// from reading this one's memory, environment and descriptors, and this one
// from dumping core. execve undoes it, so it protects nothing in a child.
func Protect() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Bind puts MDWE on this process for good, where a policy has it: its children
// inherit it, and need not change memory that they are lent, see fork. Go never
// makes memory executable that can be written. What the kernel does not have,
// each child's report says.
func Bind(policy *Policy) {
	if policy != nil && policy.Mode(MDWE) != Off {
		_ = unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
	}
}

// bound says whether children inherit MDWE.
func bound() bool {
	has, err := unix.PrctlRetInt(unix.PR_GET_MDWE, 0, 0, 0, 0)
	return err == nil && has == unix.PR_MDWE_REFUSE_EXEC_GAIN
}

// Program is what is started.
type Program struct {
	Argv []string // Argv[0] is an absolute path
	Env  []string // the whole environment: "NAME=value"
	// Dir is the working directory: absolute, and the one place that may be
	// written whatever the policy says.
	Dir string
	// Files are the three streams, the only descriptors that it gets. nil is
	// /dev/null.
	Files [3]*os.File
}

// Start prepares a start and makes it at once.
func Start(policy *Policy, program Program, mark uint64) (*os.Process, Report, error) {
	p, report, err := Prepare(policy, program, mark)
	if err != nil {
		return nil, report, err
	}
	defer p.Close()
	return p.Start()
}

// Prepare does all of a start that needs no process. mark tells the program's
// descendants from those of others, see [Mark]. The error is about a control
// that is required and not to be had, which the report names as well.
func Prepare(policy *Policy, program Program, mark uint64) (*Plan, Report, error) {
	if err := policy.Validate(); err != nil {
		return nil, Report{}, fmt.Errorf("reading the sandbox policy: %w", err)
	}
	if err := program.check(policy); err != nil {
		return nil, Report{}, err
	}
	p := &Plan{policy: policy, program: program, mark: mark, calls: make([]call, 0, usualCalls)}
	if err := p.prepare(); err != nil {
		p.Close()
		return nil, p.report, err
	}
	return p, p.report, nil
}

// Start starts the program in a session of its own and under the policy; it is
// called once. The program dies with the executor. The report says what became
// of every control, where an error says that nothing was started as well.
func (p *Plan) Start() (*os.Process, Report, error) {
	process, err := p.carryOut()
	return process, p.report, err
}

func (p Program) check(policy *Policy) error {
	if len(p.Argv) == 0 || !filepath.IsAbs(p.Argv[0]) {
		return errors.New("the program is not named by an absolute path")
	}
	for _, dir := range append([]string{p.Dir}, policy.Write...) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("%s is to be written but is not a directory", dir)
		}
	}
	return nil
}

// carryOut forks the child and returns it once it has become the program.
func (p *Plan) carryOut() (*os.Process, error) {
	from, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer from.Close()
	pid, err := fork(p.calls, to.Fd())
	to.Close()
	if err != nil {
		return nil, fmt.Errorf("making a process: %w", err)
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil, err
	}
	failures, err := readFailures(from, len(p.calls))
	if err == nil {
		err = p.judge(failures)
	}
	if err != nil {
		_ = process.Kill()
		_, _ = process.Wait() // nobody else knows of it
		return nil, err
	}
	return process, nil
}

// judge enters the calls that failed into the report. The error says why the
// program was not started.
func (p *Plan) judge(failures []failure) error {
	for _, f := range failures {
		c := p.calls[f.call]
		if c.control == "" {
			return fmt.Errorf("%s: %w", c.what, f.errno)
		}
		p.report.lost(c.control, fmt.Errorf("%s: %w", c.what, f.errno))
	}
	return p.report.lacking()
}
