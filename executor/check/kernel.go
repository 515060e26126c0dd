package check

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/lockforge/lockforge/executor/internal/ownfile"
	"github.com/lockforge/lockforge/executor/sandbox"
)

// sandbox starts a program that does nothing as runs are started, and says
// what it got.
func (in Inputs) sandbox(ctx context.Context) (f Findings) {
	if in.Sandbox == nil {
		f.warn(Configuration, "set LOCKFORGE_EXECUTOR_SANDBOX to prefer or require", "runs get no controls of the kernel")
		return f
	}
	report, err := in.start(ctx)
	var got []string
	for _, c := range report.Controls {
		switch {
		case c.State == sandbox.Obtained:
			got = append(got, string(c.Control))
		case c.State == sandbox.Missing && c.Mode == sandbox.Require:
			f.fail(Environment, fixControl, "required control %s is missing: %s", c.Control, c.Detail)
		case c.State == sandbox.Missing:
			f.warn(Environment, fixControl, "control %s is missing: %s", c.Control, c.Detail)
		}
	}
	if len(got) > 0 {
		f.note("%s", strings.Join(got, ", "))
	}
	if err != nil && f.status() != Failed {
		f.fail(Environment, "set LOCKFORGE_EXECUTOR_SANDBOX to off to run without", "a program does not start in the sandbox: %v", err)
	}
	return f
}

// checkMark marks the program as a run's descendants are marked: any number
// will do, as none is looked for.
const checkMark = 1 << 40

const fixControl = "use a kernel of 6.2 or later with Landlock among its security modules, and a container runtime whose seccomp profile lets landlock_* and seccomp through; or set LOCKFORGE_EXECUTOR_SANDBOX to prefer"

func (in Inputs) start(ctx context.Context) (sandbox.Report, error) {
	argv := in.Program
	if argv == nil {
		self, err := os.Executable()
		if err != nil {
			return sandbox.Report{}, err
		}
		argv = []string{self, "help"}
	}
	work, err := ownfile.Nearest(in.Config.Logs.Work)
	if err != nil {
		return sandbox.Report{}, err
	}
	dir, err := os.MkdirTemp(work, "executor-check-")
	if err != nil {
		return sandbox.Report{}, err
	}
	defer os.RemoveAll(dir)
	process, report, err := sandbox.Start(in.Sandbox, sandbox.Program{Argv: argv, Env: []string{"PATH=/usr/bin:/bin"}, Dir: dir}, checkMark)
	if err != nil {
		return report, err
	}
	defer context.AfterFunc(ctx, func() { _ = process.Kill() })()
	state, err := process.Wait()
	if err == nil && !state.Success() {
		err = fmt.Errorf("the program: %s", state)
	}
	return report, err
}
