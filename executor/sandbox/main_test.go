package sandbox_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/sandbox"
	"golang.org/x/sys/unix"
)

// Names under which the test binary is another program.
const (
	asOldKernel  = "without-landlock"
	asOlderStill = "without-landlock-and-close-range"
)

func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case sandbox.Subcommand:
		os.Exit(sandbox.Main(os.Args[2:]))
	case asOldKernel:
		fmt.Fprintln(os.Stderr, sandbox.ExecWithout(unix.SYS_LANDLOCK_CREATE_RULESET))
		os.Exit(1)
	case asOlderStill:
		fmt.Fprintln(os.Stderr, sandbox.ExecWithout(unix.SYS_LANDLOCK_CREATE_RULESET, unix.SYS_CLOSE_RANGE))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// result is how a sandboxed program ended.
type result struct {
	Code   int
	Output string
	Report sandbox.Report
}

// run runs a program under a policy in a directory of its own.
func run(t *testing.T, p sandbox.Policy, argv ...string) result {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = t.TempDir(), []string{"LANG=C.UTF-8", "TMPDIR=."}
	cmd.Stdout, cmd.Stderr = &output, &output
	child, err := sandbox.Wrap(cmd, &p, 700000)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		child.Close()
		t.Fatal(err)
	}
	child.Started()
	if err := cmd.Wait(); cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return result{cmd.ProcessState.ExitCode(), strings.TrimSpace(output.String()), child.Report()}
}

func shell(t *testing.T, p sandbox.Policy, script string) result {
	t.Helper()
	return run(t, p, "/bin/sh", "-c", script)
}

// python runs a script with the host's interpreter.
func python(t *testing.T, p sandbox.Policy, script string) result {
	t.Helper()
	const interpreter = "/usr/bin/python3"
	if _, err := os.Stat(interpreter); err != nil {
		lacks(t, "no "+interpreter)
	}
	return run(t, p, interpreter, "-I", "-c", script)
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
