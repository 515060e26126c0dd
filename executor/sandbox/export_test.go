package sandbox

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// PretendOld makes the kernel one that does not know the given calls, for all
// of this process and for good.
func PretendOld(calls ...uint32) error {
	program := []unix.SockFilter{load(offsetNumber)}
	for _, call := range calls {
		program = append(program, ifEqual(call, 0, 1), answer(errnoNoSystem))
	}
	program = append(program, answer(unix.SECCOMP_RET_ALLOW))
	// Without no_new_privs, so that what a test sees of that is the sandbox's.
	_, _, errno := syscall.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC,
		uintptr(unsafe.Pointer(&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})))
	if errno != 0 {
		return errno
	}
	return nil
}
