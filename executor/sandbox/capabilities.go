package sandbox

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// capabilities empties every capability set of the child. The bounding set is
// what execve gives to root; other users get nothing from it under
// no_new_privs, and may not change it.
func (p *Plan) capabilities() (string, error) {
	held := boundingSet()
	detail := ""
	switch may, err := maySetCapabilities(); {
	case err != nil:
		return "", err
	case len(held) == 0:
	case may:
		for _, c := range held {
			p.add("dropping capability "+strconv.Itoa(int(c)), unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c)
		}
	case os.Geteuid() == 0:
		return "", errors.New("the bounding set is not empty, and CAP_SETPCAP to change that is lacking")
	default:
		detail = "the bounding set stays: not root"
	}
	p.add("clearing ambient capabilities", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL)
	p.add("clearing capabilities", unix.SYS_CAPSET,
		pointer(p, &unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}), pointer(p, &[2]unix.CapUserData{}))
	return detail, nil
}

// boundingSet returns this process's, which a child has too.
func boundingSet() (held []uintptr) {
	for c := uintptr(0); ; c++ {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil {
			return held // past the last one that the kernel knows
		}
		if has != 0 {
			held = append(held, c)
		}
	}
}

// maySetCapabilities says whether CAP_SETPCAP is in force.
func maySetCapabilities() (bool, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	err := unix.Capget(&header, &sets[0])
	return sets[0].Effective&(1<<unix.CAP_SETPCAP) != 0, err
}
