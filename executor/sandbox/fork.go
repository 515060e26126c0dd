package sandbox

import (
	"encoding/binary"
	"errors"
	"io"
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
// writes the failures to a descriptor that execve closes. It returns the
// number of the process at once.
//
// Unlike package syscall it copies the memory, as fork(2) does, instead of
// lending it: some of the calls would otherwise change this process too. The
// child has one thread and no runtime. It may not allocate, lock or grow its
// stack, so it makes system calls only.
//
//go:noinline
//go:norace
func fork(calls []call, report uintptr) (pid int, err syscall.Errno) {
	syscall.ForkLock.Lock()
	parent, _, _ := syscall.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	beforeFork()
	child, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 && child == 0 {
		afterForkInChild()
		makeCalls(calls, report, parent)
	}
	afterFork()
	syscall.ForkLock.Unlock()
	return int(child), errno
}

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
