package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/lockforge/lockforge/internal/wrongclock"
)

// shifted builds with a tool whose clock is wrong, its engine and the program
// inside the steps included. The kernel's clock, which dates what nobody dates,
// and Python's stay.
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

// wrongClock returns the arguments of compile that shift time.Now.
func (m *matrix) wrongClock(ctx context.Context, by time.Duration) ([]string, error) {
	overlay, err := wrongclock.Overlay(ctx, filepath.Join(m.work, "clock"))
	if errors.Is(err, wrongclock.ErrUnknownGo) {
		return nil, notRun{err.Error()}
	}
	return []string{overlay, wrongclock.Linked(by)}, err
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
