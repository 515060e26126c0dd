package engine_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// other asks for another engine than options does.
func other(dir string, sink progress.Sink) engine.Options {
	o := options(dir, sink)
	o.Parallelism = 77
	return o
}

// nothingLeft waits until no engine uses the directory: no process, and nobody
// who has the lock.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	lock, err := os.Open(filepath.Join(dir, "lock"))
	if errors.Is(err, os.ErrNotExist) {
		return // the lock is the first thing that is made
	}
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		pids, err := testenv.Processes(filepath.Join(dir, "state"))
		if err != nil {
			t.Fatal(err)
		}
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if len(pids) == 0 && err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: processes %v, the lock: %v", pids, err)
		}
	}
}

// TestAGuestOutlastsTheStarter has two processes share an engine. Who started it
// leaves, or is killed; the other one goes on, and is the last.
func TestAGuestOutlastsTheStarter(t *testing.T) {
	buildkit.Require(t)
	for how, end := range map[string]func(*owner, *testing.T){"leaves": (*owner).leave, "is killed": (*owner).kill} {
		t.Run(how, func(t *testing.T) {
			dir := t.TempDir()
			starter := startOwner(t, dir)
			pid := starter.pid(t)
			guest := start(t, dir, progress.None())
			if guest.Pid() != pid {
				t.Errorf("the guest uses process %d, the starter %d", guest.Pid(), pid)
			}
			end(starter, t)
			time.Sleep(100 * time.Millisecond) // for what it might take along
			answers(t, guest)
			stop(t, guest)
			if left, err := filepath.Glob(filepath.Join(dir, "*.sock")); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			nothingLeft(t, dir)
			stop(t, start(t, dir, progress.None()))
		})
	}
}

// TestTheStarterReapsItsEngine when a guest was the last.
func TestTheStarterReapsItsEngine(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	e := start(t, dir, progress.None())
	guest := startOwner(t, dir)
	guest.pid(t)
	began := time.Now()
	stop(t, e)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("leaving the engine to a guest took %s", took)
	}
	stop(t, e) // once more changes nothing
	answers(t, e)
	guest.leave(t)
	nothingLeft(t, dir)
	for deadline := time.Now().Add(5 * time.Second); syscall.Kill(e.Pid(), 0) == nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the engine's process was not reaped")
		}
	}
}

// TestAKilledEngineIsNoticedByAll of those that share it; they get a new one.
func TestAKilledEngineIsNoticedByAll(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	users := []*engine.Engine{start(t, dir, progress.None()), start(t, dir, progress.None())}
	if err := syscall.Kill(users[0].Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, e := range users {
		if _, err := solve.Dial(t.Context(), solve.Target{Address: e.Address}); !fault.Is(err, fault.EngineDown) {
			t.Errorf("got %v, want an engine that is down", err)
		}
	}
	for _, e := range users {
		stop(t, e)
	}
	stop(t, start(t, dir, progress.None()))
}

// undamaged starts an engine on state that earlier ones left.
func undamaged(t *testing.T, dir string) {
	t.Helper()
	sink := &steps{}
	stop(t, start(t, dir, sink))
	if sink.has("damaged") {
		t.Error("what an earlier engine left was taken for damaged")
	}
}

// TestAnEngineThatIsToldToEnd ends for all, and is no sign of damage.
func TestAnEngineThatIsToldToEnd(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	users := []*engine.Engine{start(t, dir, progress.None()), start(t, dir, progress.None())}
	if err := syscall.Kill(users[0].Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	nothingLeft(t, dir)
	undamaged(t, dir)
	for _, e := range users {
		stop(t, e)
	}
}

// TestAStarterKilledWhileStarting leaves no engine, however far it came.
func TestAStarterKilledWhileStarting(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	for after := time.Millisecond; after < 300*time.Millisecond; after += after/4 + time.Millisecond {
		o := startOwner(t, dir)
		time.Sleep(after)
		o.kill(t)
		nothingLeft(t, dir)
	}
	undamaged(t, dir)
}

// TestManyComeAndGo uses one engine from many sides, none of which knows who is
// there: each start answers, and nobody waits for others to end.
func TestManyComeAndGo(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	sink := &steps{}
	seed := testenv.Seed(t)
	var group sync.WaitGroup
	for n := range 8 {
		random := rand.New(rand.NewPCG(seed, uint64(n)))
		group.Go(func() {
			for range 10 {
				e, err := engine.Start(t.Context(), options(dir, sink))
				if err != nil {
					t.Error(err)
					return
				}
				answers(t, e)
				time.Sleep(time.Duration(random.IntN(50)) * time.Millisecond)
				stop(t, e)
			}
		})
	}
	group.Wait()
	if sink.has("damaged") {
		t.Error("state was taken for damaged")
	}
	nothingLeft(t, dir)
}

// TestAnotherConfigurationWaits asks for more build steps at once than the
// running engine was started for.
func TestAnotherConfigurationWaits(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	first := start(t, dir, progress.None())
	sink := &steps{}
	type result struct {
		e   *engine.Engine
		err error
	}
	second := make(chan result, 1)
	go func() {
		e, err := engine.Start(t.Context(), other(dir, sink))
		second <- result{e, err}
	}()
	for !sink.has("waiting") {
		select {
		case r := <-second:
			t.Fatalf("the second start did not wait: %v", r.err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	answers(t, first)
	stop(t, first)
	r := <-second
	if r.err != nil {
		t.Fatal(r.err)
	}
	answers(t, r.e)
	stop(t, r.e)
}

func TestWaitingCanBeCancelled(t *testing.T) {
	buildkit.Require(t)
	dir := t.TempDir()
	first := start(t, dir, progress.None())
	defer stop(t, first)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := engine.Start(ctx, other(dir, progress.None())); !fault.Is(err, fault.Cancelled) {
		t.Errorf("got %v, want a cancelled fault", err)
	}
}
