package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
	"golang.org/x/sys/unix"
)

// oldKernels are the arguments after which the test binary is a program that
// starts a program on an older kernel: the mode of all controls and a command
// follow. It writes the report to its standard error.
var oldKernels = map[string][]uint32{
	"without-landlock":                 {unix.SYS_LANDLOCK_CREATE_RULESET},
	"without-landlock-and-close-range": {unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_CLOSE_RANGE},
	"whose-landlock-fails":             {unix.SYS_LANDLOCK_RESTRICT_SELF}, // which only the child finds out
}

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "bound" {
		os.Exit(boundMain(os.Args[2:]))
	}
	if len(os.Args) > 3 {
		if calls, ok := oldKernels[os.Args[1]]; ok {
			os.Exit(oldKernelMain(calls, sandbox.Mode(os.Args[2]), os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

// boundMain starts a program with MDWE after it has put that on itself. It
// writes the report, and fails where it can still make memory executable.
func boundMain(argv []string) int {
	p := sandbox.Policy{Modes: map[sandbox.Control]sandbox.Mode{sandbox.MDWE: sandbox.Require}}
	sandbox.Bind(&p)
	if becomesExecutable() == nil {
		return 3
	}
	process, report, err := sandbox.Start(&p, sandbox.Program{Argv: argv, Dir: os.TempDir(), Files: [3]*os.File{nil, os.Stdout, os.Stdout}}, 700000)
	if err != nil || json.NewEncoder(os.Stderr).Encode(report) != nil {
		return 2
	}
	_, _ = process.Wait()
	return 0
}

// becomesExecutable has memory of this process written and executable, one
// after the other.
func becomesExecutable() error {
	memory, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	return errors.Join(unix.Mprotect(memory, unix.PROT_READ|unix.PROT_EXEC), unix.Munmap(memory))
}

func oldKernelMain(calls []uint32, mode sandbox.Mode, argv []string) int {
	if err := sandbox.PretendOld(calls...); err != nil {
		fmt.Println(err)
		return 2
	}
	dir, err := os.MkdirTemp("", "old-kernel-")
	if err != nil {
		fmt.Println(err)
		return 2
	}
	defer os.RemoveAll(dir)
	p := sandbox.Policy{Modes: sandbox.Modes(mode)}
	process, report, err := sandbox.Start(&p, sandbox.Program{Argv: argv, Dir: dir, Files: [3]*os.File{nil, os.Stdout, os.Stdout}}, 700000)
	if err := json.NewEncoder(os.Stderr).Encode(report); err != nil {
		return 2
	}
	if err != nil {
		return 1
	}
	_, _ = process.Wait()
	return 0
}

// result is how a sandboxed program ended. Err says why there was none.
type result struct {
	Code   int
	Output string
	Report sandbox.Report
	Err    error
}

// run runs a program under a policy in a directory of its own.
func run(t *testing.T, p sandbox.Policy, argv ...string) result {
	t.Helper()
	from, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	process, report, err := sandbox.Start(&p, sandbox.Program{
		Argv: argv, Env: []string{"LANG=C.UTF-8", "TMPDIR=.", "PATH=/usr/bin:/bin"}, Dir: t.TempDir(), Files: [3]*os.File{nil, to, to},
	}, 700000)
	to.Close()
	output, readErr := io.ReadAll(from)
	if readErr != nil {
		t.Fatal(readErr)
	}
	got := result{Output: strings.TrimSpace(string(output)), Report: report, Err: err}
	if err == nil {
		state, err := process.Wait()
		if err != nil {
			t.Fatal(err)
		}
		got.Code = state.ExitCode()
	}
	return got
}

func shell(t *testing.T, p sandbox.Policy, script string) result {
	t.Helper()
	return run(t, p, "/bin/sh", "-c", script)
}

// python runs a script with the host's interpreter.
func python(t *testing.T, p sandbox.Policy, script string) result {
	t.Helper()
	return run(t, p, interpreter(t), "-I", "-c", script)
}

func interpreter(t *testing.T) string {
	t.Helper()
	const path = "/usr/bin/python3"
	if _, err := os.Stat(path); err != nil {
		lacks(t, "no "+path)
	}
	return path
}

// lacks skips a test for want of something, loudly, or fails it where
// everything has to be there.
func lacks(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("REQUIRE_ALL") != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}
