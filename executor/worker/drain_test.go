package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// Two runs have all slots, a third one waits.
func busy(g *rig, takes time.Duration) {
	g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome { return g.runner.wait(ctx, takes) }
	g.boot()
	for _, id := range []string{"a", "b", "waits"} {
		g.request(id)
		synctest.Wait()
	}
	pass(time.Second)
}

func TestDrainLetsRunsEnd(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		busy(g, 10*time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		done := make(chan error)
		go func() { done <- g.Drain(ctx, 30*time.Second) }()
		pass(time.Second)
		if err := g.Request(ctx, ask("new")); !errors.Is(err, ErrClosing) {
			t.Errorf("got %v", err)
		}
		g.request("a") // known: no reason to bring it again
		if err := g.Signal(ctx, queue.Signal{ID: "waits", Name: queue.Kill}); !errors.Is(err, ErrClosing) {
			t.Errorf("the KILL of a run that is left was taken: %v", err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		g.history("a", StatusRunning, StatusSuccess)
		g.history("waits")
		g.journaled("waits", journal.Accepted)
		g.down()
		g.boot()
		pass(time.Minute)
		g.history("waits", StatusRunning, StatusSuccess)
	})
}

func TestDrainStopsRuns(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		busy(g, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		if err := g.Drain(ctx, 20*time.Second); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took < 20*time.Second || took > 22*time.Second {
			t.Errorf("took %v", took)
		}
		g.history("a", StatusRunning, StatusFailure)
		g.says("b", "because the executor is going down")
		if cause := g.runner.causes["a"]; cause != ErrDraining {
			t.Errorf("the runner was told %v", cause)
		}
	})
}

// A KILL while the executor goes down still means CANCELLED.
func TestDrainAndKill(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome {
			<-ctx.Done()
			time.Sleep(5 * time.Second)
			return Outcome{Status: StatusCancelled}
		}
		g.boot()
		g.request("a")
		pass(time.Second)
		done := make(chan error)
		go func() { done <- g.Drain(t.Context(), time.Second) }()
		pass(3 * time.Second)
		g.kill("a")
		if err := <-done; err != nil {
			t.Error(err)
		}
		g.history("a", StatusRunning, StatusCancelled)
	})
}

// What the server did not take in time is delivered by the next process.
func TestDrainWithoutServer(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		busy(g, time.Hour)
		g.server.set(func(s *fakeServer) { s.hang = true })
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := g.Drain(ctx, 10*time.Second); err == nil {
			t.Error("nobody said that results are left")
		}
		g.journaled("a", journal.Ended)
		g.down()
		g.server.set(func(s *fakeServer) { s.hang = false })
		g.boot()
		pass(2 * time.Hour)
		g.history("a", StatusRunning, StatusFailure)
		g.history("b", StatusRunning, StatusFailure)
		g.history("waits", StatusRunning, StatusSuccess)
	})
}

// With a journal that goes with the process, nobody would run what waits.
func TestDrainEphemeral(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.Ephemeral = true }
		busy(g, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Drain(ctx, 10*time.Second); err != nil {
			t.Error(err)
		}
		g.history("waits", StatusRunning, StatusFailure)
		g.starts("waits", 0)
		g.says("waits", "because the executor is going down")
	})
}

// Stop records how children ended, for the next process.
func TestStop(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		busy(g, time.Hour)
		g.Stop()
		g.journaled("a", journal.Ended)
		g.down()
		g.boot()
		pass(2 * time.Hour)
		g.history("a", StatusRunning, StatusFailure)
		g.history("waits", StatusRunning, StatusSuccess)
		if len(g.runner.swept) != 0 {
			t.Errorf("swept %v", g.runner.swept)
		}
	})
}
