package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// limit is one RLIMIT, for both the soft and the hard bound.
type limit struct {
	resource int
	name     string
	value    uint64
}

// limits sets the bounds of the policy; those that a Go program could trip
// over are left for the last moment.
func (a *applier) limits() (string, error) {
	files := a.OpenFiles
	if files == 0 {
		files = defaultOpenFiles
	}
	now := []limit{{unix.RLIMIT_CORE, "core", 0}, {unix.RLIMIT_NOFILE, "nofile", files}}
	if a.FileSize != 0 {
		now = append(now, limit{unix.RLIMIT_FSIZE, "fsize", uint64(a.FileSize)})
	}
	for _, l := range []limit{
		{unix.RLIMIT_NPROC, "nproc", a.Processes},
		{unix.RLIMIT_DATA, "data", uint64(a.Data)},
		{unix.RLIMIT_AS, "as", uint64(a.AddressSpace)},
	} {
		if l.value != 0 {
			a.late = append(a.late, l)
		}
	}
	detail := ""
	for i, l := range append(now, a.late...) {
		value, err := l.possible()
		if err == nil && i < len(now) {
			err = unix.Prlimit(0, l.resource, &unix.Rlimit{Cur: value, Max: value}, nil)
		}
		if err != nil {
			a.late = nil
			return "", fmt.Errorf("limit %s: %w", l.name, err)
		}
		if i >= len(now) {
			a.late[i-len(now)].value = value
		}
		detail += fmt.Sprintf(" %s=%d", l.name, value)
	}
	return detail[1:], nil
}

// possible returns the bound, or a stricter one that is in force already.
func (l limit) possible() (uint64, error) {
	var current unix.Rlimit
	err := unix.Prlimit(0, l.resource, nil, &current)
	return min(l.value, current.Max), err
}

// lineage marks this process and so all its descendants. The mark is the hard
// bound on file locks, which the kernel keeps but has not looked at since 2.4:
// fork and execve keep it, it can be lowered but not raised, it can be read of
// zombies as well, and as it usually is without bound there is room for marks
// that tell one run from all others.
func (a *applier) lineage() (string, error) {
	if a.Mark == 0 {
		return "", fmt.Errorf("no mark was given")
	}
	return "", unix.Prlimit(0, unix.RLIMIT_LOCKS, &unix.Rlimit{Cur: a.Mark, Max: a.Mark}, nil)
}

// Mark returns the mark of a process, see [Lineage].
func Mark(pid int) (uint64, error) {
	var current unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_LOCKS, nil, &current)
	return current.Max, err
}
