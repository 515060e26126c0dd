package engine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/client"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// ownerDir asks the test binary to start an engine there and wait to be killed.
const ownerDir = "LOCKFORGE_TEST_OWNER_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(ownerDir); dir != "" && len(os.Args) == 1 {
		os.Exit(own(dir))
	}
	buildkit.Main(m)
}

// own is what another lockforge does: it uses the engine until its input ends.
func own(dir string) int {
	e, err := engine.Start(context.Background(), options(dir, progress.None()))
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(e.Pid())
	_, _ = io.Copy(io.Discard, os.Stdin) // how it ended is all the same
	if err := e.Stop(); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

// owner is another process that uses an engine.
type owner struct {
	cmd *exec.Cmd
	in  io.Closer
	out io.Reader
}

func startOwner(t *testing.T, dir string) *owner {
	t.Helper()
	o := &owner{cmd: exec.Command("/proc/self/exe")}
	o.cmd.Env = append(os.Environ(), ownerDir+"="+dir)
	var errIn, errOut error
	o.in, errIn = o.cmd.StdinPipe()
	o.out, errOut = o.cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, o.cmd.Start()); err != nil {
		t.Fatal(err)
	}
	return o
}

// pid waits for the engine and returns its process.
func (o *owner) pid(t *testing.T) int {
	t.Helper()
	line, err := bufio.NewReader(o.out).ReadString('\n')
	if err != nil {
		t.Fatalf("the owner said %q: %v", line, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the owner said %q", line)
	}
	return pid
}

// leave has the owner stop using the engine.
func (o *owner) leave(t *testing.T) {
	t.Helper()
	if err := errors.Join(o.in.Close(), o.cmd.Wait()); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

func (o *owner) kill(t *testing.T) {
	t.Helper()
	if err := o.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = o.cmd.Wait() // it was killed
}

func options(dir string, sink progress.Sink) engine.Options {
	return engine.Options{StateDir: dir, Self: buildkit.Self(), Sink: sink}
}

// steps records the names of the steps that were begun.
type steps struct {
	mu    sync.Mutex
	names []string
}

func (s *steps) Begin(name string) progress.Step {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.names = append(s.names, name)
	return progress.None().Begin(name)
}

func (s *steps) has(part string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Contains(strings.Join(s.names, "\n"), part)
}

// start starts an engine that must answer.
func start(t *testing.T, dir string, sink progress.Sink) *engine.Engine {
	t.Helper()
	e, err := engine.Start(t.Context(), options(dir, sink))
	if err != nil {
		t.Fatal(err)
	}
	answers(t, e)
	return e
}

func answers(t *testing.T, e *engine.Engine) {
	t.Helper()
	c, err := client.New(t.Context(), e.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Info(t.Context()); err != nil {
		t.Errorf("the engine does not answer: %v", err)
	}
}

func stop(t *testing.T, e *engine.Engine) {
	t.Helper()
	if err := e.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStartAgainOnTheSameState(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	for range 2 {
		sink := &steps{}
		stop(t, start(t, dir, sink))
		if sink.has("damaged") {
			t.Error("state that was closed properly was taken for damaged")
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAKilledEngineLeavesUsableState(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	e := start(t, dir, progress.None())
	if err := syscall.Kill(e.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	stop(t, e)
	stop(t, start(t, dir, progress.None()))
}

func TestAKilledLockforgeTakesItsEngineAlong(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	o := startOwner(t, dir)
	pid := o.pid(t)
	o.kill(t)
	nothingLeft(t, dir)
	if err := zombieOrGone(pid); err != nil {
		t.Errorf("the first engine (%d) still runs: %v", pid, err)
	}
	stop(t, start(t, dir, progress.None()))
}

// zombieOrGone returns nil for a process that has ended, reaped or not.
func zombieOrGone(pid int) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	if strings.HasPrefix(rest, "Z") {
		return nil
	}
	return fmt.Errorf("state %q", rest[:1])
}

func TestDamagedStateIsMovedAside(t *testing.T) {
	buildkit.Require(t)
	for _, name := range []string{"metadata_v2.db", "containerdmeta.db", "cache.db", "history.db"} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			stop(t, start(t, dir, progress.None()))
			var found []string
			for _, pattern := range []string{"state/" + name, "state/*/" + name} {
				matches, err := filepath.Glob(filepath.Join(dir, pattern))
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, matches...)
			}
			if len(found) != 1 {
				t.Fatalf("found %v, want one %s", found, name)
			}
			if err := os.WriteFile(found[0], []byte(strings.Repeat("torn ", 20_000)), 0o600); err != nil {
				t.Fatal(err)
			}
			stop(t, start(t, dir, progress.None()))
		})
	}
}

// TestAnEngineThatEndedLeavesTheNextOneAlone stops an engine that had died when
// another one serves on the same state, and so at the same path, already.
func TestAnEngineThatEndedLeavesTheNextOneAlone(t *testing.T) {
	dir := t.TempDir()
	first := start(t, dir, progress.None())
	if err := syscall.Kill(first.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	second := start(t, dir, progress.None())
	stop(t, first)
	answers(t, second)
	stop(t, second)
}

// TestStartingCanBeCancelled cancels an engine that has hardly begun, and one
// that is almost there. It ends by itself, and not by force after ten seconds.
func TestStartingCanBeCancelled(t *testing.T) {
	dir := t.TempDir()
	for after := time.Millisecond; after < 200*time.Millisecond; after += after/4 + time.Millisecond {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		began := time.Now()
		e, err := engine.Start(ctx, options(dir, progress.None()))
		took := time.Since(began)
		cancel()
		if err == nil {
			stop(t, e)
			continue
		}
		if !fault.Is(err, fault.Cancelled) || took > 9*time.Second {
			t.Errorf("cancelled after %s: %v in %s", after, err, took)
		}
	}
}

func TestALongPathIsNoProblem(t *testing.T) {
	buildkit.Require(t)
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-name-", 12))
	first := start(t, dir, progress.None())
	second := start(t, dir, progress.None())
	stop(t, first)
	answers(t, second)
	stop(t, second)
	nothingLeft(t, dir)
}

func TestAStaleSocketIsReplaced(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "engine.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop(t, start(t, dir, progress.None()))
}

func TestAMissingRuntimeIsExplained(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("without root the answer is the same, for another reason")
	}
	o := options(t.TempDir(), progress.None())
	o.Runc = "no-such-runtime"
	_, err := engine.Start(t.Context(), o)
	if !fault.Is(err, fault.EngineDown) || len(fault.Hints(err)) == 0 {
		t.Errorf("got %v, want an engine-down fault with a hint", err)
	}
}

func TestAnEngineThatCannotStartIsExplained(t *testing.T) {
	buildkit.Require(t)
	o := options(t.TempDir(), progress.None())
	o.Self = []string{"/proc/self/exe", "-test.run=^$"}
	_, err := engine.Start(t.Context(), o)
	if !fault.Is(err, fault.EngineDown) {
		t.Errorf("got %v, want an engine-down fault", err)
	}
}

func TestServeIsForStartOnly(t *testing.T) {
	for _, args := range [][]string{nil, {"not json"}, {"{}", "more"}} {
		if err := engine.Serve(t.Context(), args); !fault.Is(err, fault.Usage) {
			t.Errorf("Serve(%q) = %v, want a usage fault", args, err)
		}
	}
}

// A umask of the user's is none of the engine's: it would keep build steps out
// of their own root.
func TestUmaskOfTheUser(t *testing.T) {
	buildkit.Require(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o := options(t.TempDir(), progress.None())
	o.Self = []string{"sh", "-c", `umask 077; exec "$0" "$@"`, self, engine.Subcommand}
	e, err := engine.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(e.Pid()), "status"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(status), "\nUmask:\t0000\n") {
		t.Errorf("the engine has another umask than BuildKit wants:\n%s", status)
	}
}

// TestAFullDiskIsNoDamage gives the state a disk on which nothing fits, at
// first and when there is state already: nothing is moved aside.
func TestAFullDiskIsNoDamage(t *testing.T) {
	buildkit.Require(t)
	disk := testenv.SmallDisk(t, "32k")
	dir := filepath.Join(disk, "engine")
	for range 2 {
		sink := &steps{}
		if e, err := engine.Start(t.Context(), options(dir, sink)); fault.KindOf(err) != fault.DiskFull {
			t.Errorf("got %v, want a full disk", err)
			if err == nil {
				stop(t, e)
			}
		}
		if sink.has("damaged") {
			t.Error("a full disk was taken for damage")
		}
	}
	testenv.GrowDisk(t, disk, "64m")
	stop(t, start(t, dir, progress.None()))
}
