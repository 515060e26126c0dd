package sandbox

import "golang.org/x/sys/unix"

const machine = unix.AUDIT_ARCH_AARCH64

// There is one calling convention, and no call that only this machine has.
var (
	conventions []unix.SockFilter
	deniedHere  []uint32
)
