package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Subcommand is the hidden first argument that has to reach Main.
const Subcommand = "__child"

// ExitNotStarted is the exit code of a trampoline that did not start its program.
const ExitNotStarted = 125

// Descriptors of the trampoline beside the three streams.
const (
	requestFD = 3
	reportFD  = 4
)

// requestLimit and reportLimit bound what the two sides read from each other, in bytes.
const (
	requestLimit = 4 << 20
	reportLimit  = 64 << 10
)

// Main is the trampoline. It returns only where the program was not started;
// the reason is on the report's descriptor.
func Main(args []string) int {
	if len(args) != 0 || !isPipe(requestFD) || !isPipe(reportFD) {
		fmt.Fprintf(os.Stderr, "error: %s is for the executor itself\n", Subcommand)
		return ExitNotStarted
	}
	// Landlock, seccomp and no_new_privs bind the thread that calls for them,
	// and execve makes that thread the process.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	unix.CloseOnExec(requestFD)
	unix.CloseOnExec(reportFD)
	var a applier
	err := a.run()
	a.report.Error = err.Error()
	if line, err := json.Marshal(a.report); err == nil {
		_, _ = unix.Write(reportFD, append(line, '\n'))
	}
	return ExitNotStarted
}

func isPipe(fd int) bool {
	var stat unix.Stat_t
	return unix.Fstat(fd, &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO
}

// run returns why the program was not started.
func (a *applier) run() error {
	if err := json.NewDecoder(io.LimitReader(os.NewFile(requestFD, "request"), requestLimit)).Decode(&a.request); err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	if len(a.Argv) == 0 || !filepath.IsAbs(a.Argv[0]) {
		return errors.New("the program is not named by an absolute path")
	}
	for _, dir := range append([]string{a.Dir}, a.Write...) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fmt.Errorf("%s is to be written but is not a directory", dir)
		}
	}
	image, err := newImage(a.Argv, os.Environ())
	if err != nil {
		return err
	}
	if err := a.apply(); err != nil {
		return err
	}
	line, err := json.Marshal(a.report)
	if err != nil {
		return err
	}
	errno := image.exec(append(line, '\n'), a.late)
	return fmt.Errorf("executing %s: %w", a.Argv[0], errno)
}

// image is all that execve needs, allocated beforehand: under the bounds on
// memory and processes that are set last, the Go runtime could fail.
type image struct {
	path      *byte
	argv, env []*byte
}

func newImage(argv, env []string) (*image, error) {
	path, err := syscall.BytePtrFromString(argv[0])
	if err != nil {
		return nil, err
	}
	i := &image{path: path}
	if i.argv, err = syscall.SlicePtrFromStrings(argv); err != nil {
		return nil, err
	}
	i.env, err = syscall.SlicePtrFromStrings(env)
	return i, err
}

// exec writes the report, sets the last bounds and becomes the program. It
// allocates nothing and makes raw calls only, so that the runtime starts no thread.
func (i *image) exec(report []byte, late []limit) syscall.Errno {
	for _, l := range late {
		bound := unix.Rlimit{Cur: l.value, Max: l.value}
		if _, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(l.resource), uintptr(unsafe.Pointer(&bound)), 0, 0, 0); errno != 0 {
			return errno
		}
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_WRITE, reportFD, uintptr(unsafe.Pointer(&report[0])), uintptr(len(report))); errno != 0 {
		return errno
	}
	_, _, errno := unix.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(i.path)), uintptr(unsafe.Pointer(&i.argv[0])), uintptr(unsafe.Pointer(&i.env[0])))
	return errno
}
