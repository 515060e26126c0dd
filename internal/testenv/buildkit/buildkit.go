// Package buildkit gives tests a real embedded engine. A test package that
// uses it needs
//
//	func TestMain(m *testing.M) { buildkit.Main(m) }
//
// since the engine is the test binary itself, started again.
package buildkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv"
)

// Main runs the tests of a package, or serves as its engine.
func Main(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == engine.Subcommand {
		os.Exit(serve(os.Args[2:]))
	}
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stopping the test engine:", err)
		code = 1
	}
	os.Exit(code)
}

func serve(args []string) int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := engine.Serve(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// Self is the argv with which engine.Start runs this test binary as an engine.
func Self() []string { return []string{"/proc/self/exe", engine.Subcommand} }

// Require ends the test where this machine cannot run an engine.
func Require(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Missing(t, "the embedded engine needs root")
	}
	if _, err := exec.LookPath("runc"); err != nil {
		testenv.Missing(t, "the embedded engine needs runc on PATH")
	}
}

// Engines lists the engine processes that use a cache: their arguments name its
// state.
func Engines(cache string) ([]int, error) {
	return testenv.Processes("\x00"+engine.Subcommand+"\x00", cache+"/")
}

var shared packageEngine

// Client connects to the engine of this test package, which is started on
// first use with a state directory of its own.
func Client(t testing.TB) *solve.Client {
	t.Helper()
	Require(t)
	target, err := shared.start()
	if err != nil {
		t.Fatal(err)
	}
	c, err := solve.Dial(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

type packageEngine struct {
	mu     sync.Mutex
	dir    string
	engine *engine.Engine
}

func (p *packageEngine) start() (solve.Target, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine == nil {
		dir, err := os.MkdirTemp("", "lockforge-test-")
		if err != nil {
			return solve.Target{}, err
		}
		p.dir = dir
		p.engine, err = engine.Start(context.Background(), engine.Options{
			StateDir: filepath.Join(dir, "engine"), Self: Self(), Sink: progress.None(),
		})
		if err != nil {
			return solve.Target{}, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return solve.Target{Address: p.engine.Address, LocalContent: p.engine.ContentDir}, nil
}

func (p *packageEngine) stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.engine == nil {
		return nil
	}
	err := p.engine.Stop()
	p.engine = nil
	return errors.Join(err, os.RemoveAll(p.dir))
}
