package sandbox

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What package syscall tells the runtime of a fork. The runtime keeps these
// names for packages that fork by themselves, see go.dev/issue/67401.
//
//go:linkname beforeFork syscall.runtime_BeforeFork
func beforeFork()

//go:linkname afterFork syscall.runtime_AfterFork
func afterFork()

//go:linkname afterForkInChild syscall.runtime_AfterForkInChild
func afterForkInChild()

// exitNotStarted is how a child ends that did not become the program. Nobody
// sees it: the failures say more.
const exitNotStarted = 125

// failureSize is the length of what a child says of a call that failed: its
// index and the errno, both of 4 bytes in the order of the machine.
const failureSize = 8

// failure is a call that failed.
type failure struct {
	call  int
	errno syscall.Errno
}

// fork makes a process that makes the calls, of which the last is execve, and
// writes the failures to a descriptor that execve closes.
//
// As package syscall does, it lends the child the memory until execve, which
// spares the copying; this thread waits meanwhile. A child whose calls would then
// change this process too, see lends and Bind, gets a copy, as by fork(2). It has one
// thread and no runtime: it may not allocate, lock or grow its stack, so it makes
// system calls only.
func fork(calls []call, report uintptr) (pid int, err error) {
	flags := uintptr(unix.SIGCHLD)
	if lends(calls) {
		flags |= unix.CLONE_VM | unix.CLONE_VFORK
	}
	parent := uintptr(syscall.Getpid())
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	beforeFork()
	child, errno := branch(flags, calls, report, parent)
	afterFork()
	if errno != 0 {
		return 0, syscall.Errno(errno)
	}
	return int(child), nil
}

// lends says whether a child may make the calls in memory that it is lent:
// what they set belongs to the process, and not to its memory.
func lends(calls []call) bool {
	return !slices.ContainsFunc(calls, func(c call) bool { return c.control == MDWE })
}

// branch is where parent and child part. The parent leaves at once: by then the
// child has used the stack below this frame.
//
//go:nosplit
//go:noinline
//go:norace
func branch(flags uintptr, calls []call, report, parent uintptr) (pid, errno uintptr) {
	pid, errno = clone(flags)
	if pid != 0 || errno != 0 {
		return pid, errno
	}
	afterForkInChild()
	makeCalls(calls, report, parent)
	return 0, 0
}

// clone is clone(2) without a stack for the child. The two results are 0 in it.
//
//go:noescape
func clone(flags uintptr) (pid, errno uintptr)

// makeCalls is the child. It does not return.
//
//go:nosplit
//go:noinline
//go:norace
func makeCalls(calls []call, report, parent uintptr) {
	for i := range calls {
		c := &calls[i]
		if _, _, errno := syscall.RawSyscall6(c.trap, c.args[0], c.args[1], c.args[2], c.args[3], c.args[4], c.args[5]); errno != 0 {
			said := [2]uint32{uint32(i), uint32(errno)}
			syscall.RawSyscall(unix.SYS_WRITE, report, uintptr(unsafe.Pointer(&said)), failureSize)
			if c.must {
				break
			}
		}
		// A parent that is dead already sends no signal of it.
		if c.trap == unix.SYS_PRCTL && c.args[0] == unix.PR_SET_PDEATHSIG {
			if now, _, _ := syscall.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); now != parent {
				break
			}
		}
	}
	for {
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, exitNotStarted, 0, 0)
	}
}

// readFailures reads what a child says until it has become the program or ended.
func readFailures(r io.Reader, calls int) (all []failure, err error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(calls*failureSize)))
	for ; len(text) >= failureSize; text = text[failureSize:] {
		index := int(binary.NativeEndian.Uint32(text))
		if index >= calls {
			return nil, errors.New("the child said what makes no sense")
		}
		all = append(all, failure{index, syscall.Errno(binary.NativeEndian.Uint32(text[4:]))})
	}
	return all, err
}
