package sandbox

import "golang.org/x/sys/unix"

const machine = unix.AUDIT_ARCH_X86_64

// x32 marks calls of the x32 convention, which has the same arch value.
const x32 = 0x40000000

var conventions = []unix.SockFilter{ifAnyBit(x32, 0, 1), answer(errnoPerm)}

// deniedHere are calls that only this machine has: ports, segments, the oldest
// shared libraries.
var deniedHere = []uint32{
	unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT, unix.SYS_USELIB, unix.SYS__SYSCTL, unix.SYS_CREATE_MODULE,
}
