package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// limit is one RLIMIT, for both the soft and the hard bound. 0 is no bound.
type limit struct {
	resource int
	name     string
	value    uint64
}

// limits sets the bounds of the policy.
func (p *Plan) limits() (string, error) {
	files := p.policy.OpenFiles
	if files == 0 {
		files = defaultOpenFiles
	}
	detail := "core=0"
	p.bound("core", unix.RLIMIT_CORE, 0)
	for _, l := range []limit{
		{unix.RLIMIT_NOFILE, "nofile", files},
		{unix.RLIMIT_FSIZE, "fsize", uint64(p.policy.FileSize)},
		{unix.RLIMIT_NPROC, "nproc", p.policy.Processes},
		{unix.RLIMIT_DATA, "data", uint64(p.policy.Data)},
		{unix.RLIMIT_AS, "as", uint64(p.policy.AddressSpace)},
	} {
		if l.value == 0 {
			continue
		}
		value, err := l.possible()
		if err != nil {
			return "", fmt.Errorf("limit %s: %w", l.name, err)
		}
		p.bound(l.name, l.resource, value)
		detail += fmt.Sprintf(" %s=%d", l.name, value)
	}
	return detail, nil
}

// bound adds the call for one bound, soft and hard.
func (p *Plan) bound(name string, resource int, value uint64) {
	p.add("limit "+name, unix.SYS_PRLIMIT64, 0, uintptr(resource), pointer(p, &unix.Rlimit{Cur: value, Max: value}), 0)
}

// possible returns the bound, or a stricter one that is in force already.
func (l limit) possible() (uint64, error) {
	var current unix.Rlimit
	err := unix.Prlimit(0, l.resource, nil, &current)
	return min(l.value, current.Max), err
}

// lineage marks the child and so all its descendants. The mark is the hard
// bound on file locks, which the kernel keeps but has not looked at since 2.4:
// fork and execve keep it, it can be lowered but not raised, it can be read of
// zombies as well, and as it usually is without bound there is room for marks
// that tell one run from all others.
func (p *Plan) lineage() (string, error) {
	if p.mark == 0 {
		return "", errors.New("no mark was given")
	}
	p.bound("locks", unix.RLIMIT_LOCKS, p.mark)
	return "", nil
}

// Mark returns the mark of a process, see [Lineage].
func Mark(pid int) (uint64, error) {
	var current unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &current)
	return current.Max, err
}
