package sandbox

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is one system call of the child.
type call struct {
	control Control // that it is part of; "" is what no program starts without
	what    string  // for an error: what it does
	must    bool    // the child ends where it fails
	trap    uintptr
	args    [6]uintptr
}

// usualCalls is about how many a child makes: one for each capability, and some.
const usualCalls = 64

// Plan is a start that is prepared: what the child's calls need, and the calls.
type Plan struct {
	policy  *Policy
	program Program
	mark    uint64

	report Report
	calls  []call
	keep   []any // what the calls point to: it has to stay where it is
	files  []int // descriptors of this process, for the child
	// ruleset is Landlock's; nil without.
	ruleset *os.File
}

// prepare makes the list of calls. The error is about a required control that
// is not to be had.
func (p *Plan) prepare() error {
	if err := p.prologue(); err != nil {
		return err
	}
	steps := map[Control]func() (string, error){
		Descriptors:  p.descriptors,
		Umask:        p.umask,
		Limits:       p.limits,
		Lineage:      p.lineage,
		NoNewPrivs:   p.noNewPrivs,
		MDWE:         p.mdwe,
		Landlock:     p.landlock,
		Seccomp:      p.seccomp,
		Capabilities: p.capabilities,
	}
	for _, c := range Controls() {
		outcome := Outcome{Control: c, Mode: p.policy.Mode(c), State: Skipped}
		if outcome.Mode != Off {
			before := len(p.calls)
			detail, err := steps[c]()
			outcome.State, outcome.Detail = Obtained, detail
			if err != nil {
				p.calls = p.calls[:before]
				outcome.State, outcome.Detail = Missing, err.Error()
			}
			for i := range p.calls[before:] {
				p.calls[before+i].control, p.calls[before+i].must = c, outcome.Mode == Require
			}
		}
		p.report.Controls = append(p.report.Controls, outcome)
	}
	if err := p.report.lacking(); err != nil {
		return err
	}
	return p.epilogue()
}

// add appends a call.
func (p *Plan) add(what string, trap uintptr, args ...uintptr) {
	c := call{what: what, trap: trap}
	copy(c.args[:], args)
	p.calls = append(p.calls, c)
}

// must appends a call without which nothing starts.
func (p *Plan) must(what string, trap uintptr, args ...uintptr) {
	p.add(what, trap, args...)
	p.calls[len(p.calls)-1].must = true
}

// prologue is what every child does: it gets a session, a directory and
// streams, and dies with this process.
func (p *Plan) prologue() error {
	p.must("making a session", unix.SYS_SETSID)
	p.must("tying its life to the executor's", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL))
	dir, err := p.text(p.program.Dir)
	if err != nil {
		return err
	}
	p.must("entering "+p.program.Dir, unix.SYS_CHDIR, dir)
	for i, file := range p.program.Files {
		fd, err := p.stream(file)
		if err != nil {
			return fmt.Errorf("giving stream %d: %w", i, err)
		}
		p.must("giving stream "+strconv.Itoa(i), unix.SYS_DUP3, uintptr(fd), uintptr(i), 0)
	}
	return nil
}

// stream returns a descriptor of a file for the child: above its streams, so
// that none is overwritten before it is given.
func (p *Plan) stream(file *os.File) (int, error) {
	if file == nil {
		null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
		if err != nil {
			return 0, err
		}
		defer null.Close()
		file = null
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3) // Fd makes it block, as programs expect
	if err != nil {
		return 0, err
	}
	p.files = append(p.files, fd)
	return fd, nil
}

// epilogue makes the child the program.
func (p *Plan) epilogue() error {
	path, err := p.text(p.program.Argv[0])
	if err != nil {
		return err
	}
	argv, err := p.texts(p.program.Argv)
	if err != nil {
		return err
	}
	env, err := p.texts(p.program.Env)
	if err != nil {
		return err
	}
	p.must("executing "+p.program.Argv[0], unix.SYS_EXECVE, path, argv, env)
	return nil
}

func (p *Plan) text(s string) (uintptr, error) {
	b, err := syscall.BytePtrFromString(s)
	if err != nil {
		return 0, fmt.Errorf("%q has a NUL", s)
	}
	return pointer(p, b), nil
}

func (p *Plan) texts(all []string) (uintptr, error) {
	list, err := syscall.SlicePtrFromStrings(all)
	if err != nil {
		return 0, errors.New("an argument or a variable has a NUL")
	}
	return pointer(p, &list[0]), nil
}

// pointer is an address for a call. What it points to is kept, and so is on the
// heap, where nothing moves.
func pointer[T any](p *Plan, to *T) uintptr {
	p.keep = append(p.keep, to)
	return uintptr(unsafe.Pointer(to))
}

// Close gives back what the start needed. What was started goes on.
func (p *Plan) Close() {
	for _, fd := range p.files {
		_ = unix.Close(fd)
	}
	p.ruleset.Close() // nil as well
}

// descriptors lets execve close everything above the streams. A kernel before
// 5.11 can't be asked to in the child: there, what this process has inherited
// itself is marked here.
func (p *Plan) descriptors() (string, error) {
	const none = ^uint32(0) >> 1 // no process has this descriptor
	if unix.CloseRange(uint(none), uint(none), unix.CLOSE_RANGE_CLOEXEC) == nil {
		p.add("closing descriptors", unix.SYS_CLOSE_RANGE, 3, uintptr(^uint32(0)), unix.CLOSE_RANGE_CLOEXEC)
		return "", nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return "", err
	}
	for _, entry := range entries {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return "by /proc/self/fd", nil
}

func (p *Plan) umask() (string, error) {
	p.add("setting the umask", unix.SYS_UMASK, 0o077)
	return "077", nil
}

func (p *Plan) noNewPrivs() (string, error) {
	p.add("giving up new privileges", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1)
	return "", nil
}

func (p *Plan) mdwe() (string, error) {
	if bound() {
		return "inherited", nil
	}
	p.add("keeping memory from becoming code", unix.SYS_PRCTL, unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN)
	return "", nil
}
