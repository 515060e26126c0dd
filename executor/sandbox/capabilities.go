package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// dropCapabilities empties every capability set of the calling thread. The
// bounding set is what execve gives to root; other users get nothing from it
// under no_new_privs, and may not change it.
func dropCapabilities() (string, error) {
	var bounding error
	for c := uintptr(0); ; c++ {
		held, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0)
		if err != nil {
			break // past the last one that the kernel knows
		}
		if held == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			bounding = fmt.Errorf("emptying the bounding set: %w", err)
			break
		}
	}
	detail := ""
	if unix.Geteuid() != 0 && errors.Is(bounding, unix.EPERM) {
		bounding, detail = nil, "the bounding set stays: not root"
	}
	ambient := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return detail, errors.Join(bounding, ambient, unix.Capset(&header, &none[0]))
}
