package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// shifted builds with a tool whose clock is wrong, its engine and the program
// inside the steps included. The kernel's clock, which dates what nobody dates,
// and Python's stay: a static Go program asks no library that could be replaced,
// so the shift is compiled in.
func shifted(by time.Duration) func(*matrix, context.Context, site) (string, error) {
	return func(m *matrix, ctx context.Context, s site) (string, error) {
		tree := s.path("tree")
		if err := m.copyTree(ctx, tree); err != nil {
			return "", err
		}
		clock, err := m.wrongClock(ctx, by)
		if err != nil {
			return "", err
		}
		if err := m.readClock(ctx, tree, clock, by); err != nil {
			return "", err
		}
		// The executor is part of the image and stays as it is.
		unpack, executor := "unpack-linux-"+runtime.GOARCH, "executor-linux-"+runtime.GOARCH
		content, err := os.ReadFile(filepath.Join(m.source, programsDir, executor))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(tree, programsDir, executor), content, 0o755); err != nil {
			return "", err
		}
		if err := m.compile(ctx, tree, filepath.Join(tree, programsDir, unpack), "./cmd/unpack", clock...); err != nil {
			return "", err
		}
		s.program = s.path("lockforge")
		if err := m.compile(ctx, tree, s.program, "./cmd/lockforge", clock...); err != nil {
			return "", err
		}
		return m.plain(ctx, s)
	}
}

// clockSource makes the shift a variable that the linker sets, so that all
// shifts share what is compiled.
const clockSource = `package time

var lockforgeShift string // seconds, in decimal

func shiftSeconds() (n int64) {
	digits, sign := lockforgeShift, int64(1)
	if digits != "" && digits[0] == '-' {
		digits, sign = digits[1:], -1
	}
	for _, d := range []byte(digits) {
		n = n*10 + int64(d-'0')
	}
	return n * sign
}
`

// wrongClock returns the arguments of compile that shift time.Now.
func (m *matrix) wrongClock(ctx context.Context, by time.Duration) ([]string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	const read = "sec, nsec, mono := runtimeNow()\n"
	dir := filepath.Join(strings.TrimSpace(string(out)), "src", "time")
	source, err := os.ReadFile(filepath.Join(dir, "time.go"))
	if err != nil {
		return nil, err
	}
	now := strings.Index(string(source), "\nfunc Now() Time {")
	if now < 0 || !strings.Contains(string(source)[now:], read) {
		return nil, notRun{"this Go reads its clock in a way that is not known here"}
	}
	text := string(source)[:now] + strings.Replace(string(source)[now:], read, read+"\tsec += shiftSeconds()\n", 1)
	mine := filepath.Join(m.work, "clock")
	replace := map[string]string{filepath.Join(dir, "time.go"): filepath.Join(mine, "time.go"), filepath.Join(dir, "lockforge.go"): filepath.Join(mine, "shift.go")}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err == nil {
		err = os.MkdirAll(mine, 0o755)
	}
	for name, content := range map[string]string{"time.go": text, "shift.go": clockSource, "overlay.json": string(overlay)} {
		err = errors.Join(err, os.WriteFile(filepath.Join(mine, name), []byte(content), 0o644))
	}
	return []string{"-overlay=" + filepath.Join(mine, "overlay.json"), fmt.Sprintf("-X time.lockforgeShift=%d", int64(by/time.Second))}, err
}

// readClock makes sure that programs built this way are wrong about the time.
func (m *matrix) readClock(ctx context.Context, tree string, clock []string, by time.Duration) error {
	const program = "package main\n\nimport \"time\"\n\nfunc main() { print(time.Now().Unix()) }\n"
	dir := filepath.Join(tree, "cmd", "clock")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(program), 0o644); err != nil {
		return err
	}
	if err := m.compile(ctx, tree, filepath.Join(dir, "clock"), "./cmd/clock", clock...); err != nil {
		return err
	}
	said, err := exec.CommandContext(ctx, filepath.Join(dir, "clock")).CombinedOutput() // print writes to standard error
	if err != nil {
		return err
	}
	unix, err := strconv.ParseInt(string(said), 10, 64)
	if err != nil {
		return err
	}
	if off := time.Since(time.Unix(unix, 0).Add(-by)).Abs(); off > time.Hour {
		return fmt.Errorf("a clock that should be off by %s reads %s", by, time.Unix(unix, 0))
	}
	return nil
}
