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

// Clocks that are wrong.
const (
	ahead  = 400 * 24 * time.Hour
	behind = -365 * 24 * time.Hour
)

// earlier builds with a clock that is behind.
func (m *matrix) earlier(ctx context.Context, s site) (string, error) {
	if err := m.shift(ctx, &s, behind); err != nil {
		return "", err
	}
	return m.plain(ctx, s)
}

// jumping builds with a clock that is ahead, and in the middle of the build
// behind. Only the program's own moves: the engine's and that inside the steps
// stay ahead.
func (m *matrix) jumping(ctx context.Context, s site) (string, error) {
	if err := m.shift(ctx, &s, ahead); err != nil {
		return "", err
	}
	for wait := m.took / 2; wait > time.Second; wait /= 2 {
		s.cache = s.path("cache-" + wait.String())
		digest, inTime, err := m.jumpAfter(ctx, s, wait)
		if err != nil || inTime {
			return digest, err
		}
	}
	return "", errors.New("the build always ended before the clock was to jump")
}

// jumpAfter is false where the build ended sooner.
func (m *matrix) jumpAfter(ctx context.Context, s site, wait time.Duration) (digest string, inTime bool, err error) {
	hand, err := wrongclock.NewHand(s.cache + ".clock")
	if err != nil {
		return "", false, err
	}
	s.env = append(s.env, hand.Env())
	jumped := make(chan error, 1)
	jump := time.AfterFunc(wait, func() { jumped <- hand.Set(behind - ahead) })
	digest, err = m.plain(ctx, s)
	if !jump.Stop() {
		err = errors.Join(err, <-jumped)
		inTime = true
	}
	return digest, inTime, err
}

// shift gives a site a tool whose clock is wrong, its engine and the program
// inside the steps included. The kernel's clock, which dates what nobody dates,
// and Python's stay.
func (m *matrix) shift(ctx context.Context, s *site, by time.Duration) error {
	tree := s.path("tree")
	if err := m.copyTree(ctx, tree); err != nil {
		return err
	}
	clock, err := m.wrongClock(ctx, by)
	if err != nil {
		return err
	}
	if err := m.readClock(ctx, tree, clock, by); err != nil {
		return err
	}
	// The executor is part of the image and stays as it is.
	unpack, executor := "unpack-linux-"+runtime.GOARCH, "executor-linux-"+runtime.GOARCH
	content, err := os.ReadFile(filepath.Join(m.source, programsDir, executor))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(tree, programsDir, executor), content, 0o755); err != nil {
		return err
	}
	if err := m.compile(ctx, tree, filepath.Join(tree, programsDir, unpack), "./cmd/unpack", clock...); err != nil {
		return err
	}
	s.program = s.path("lockforge")
	return m.compile(ctx, tree, s.program, "./cmd/lockforge", clock...)
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
