package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestFullDisk(t *testing.T) {
	t.Run("at the request", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Accepted, journal.ErrFull)
			if err := g.Request(t.Context(), ask("a")); !errors.Is(err, journal.ErrFull) {
				t.Errorf("got %v", err)
			}
			g.mortal.failing(journal.Accepted, nil)
			g.request("a")
			pass(time.Minute)
			g.history("a", StatusRunning, StatusSuccess)
		})
	})
	t.Run("before the start", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Starting, journal.ErrFull)
			g.request("a")
			pass(time.Minute)
			g.history("a", StatusRunning, StatusFailure)
			g.starts("a", 0)
			g.says("a", "no space for the journal")
		})
	})
	t.Run("at the end", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Ended, journal.ErrFull)
			g.request("a")
			pass(500 * time.Millisecond)
			g.server.set(func(s *fakeServer) { s.down = true })
			pass(time.Minute)
			g.journaled("a", journal.Started)
			g.mortal.failing(journal.Ended, nil)
			pass(5 * time.Minute)
			g.server.set(func(s *fakeServer) { s.down = false })
			pass(5 * time.Minute)
			g.history("a", StatusRunning, StatusSuccess)
			g.journaled("a", journal.Delivered)
		})
	})
	t.Run("at a KILL", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome {
				<-ctx.Done()
				time.Sleep(5 * time.Second)
				return Outcome{Status: StatusCancelled}
			}
			g.boot()
			g.request("a")
			pass(500 * time.Millisecond)
			g.mortal.failing(journal.Ended, journal.ErrFull)
			for range 2 {
				if err := g.Signal(t.Context(), queue.Signal{ID: "a", Name: queue.Kill}); !errors.Is(err, journal.ErrFull) {
					t.Errorf("acknowledged: %v", err)
				}
			}
			g.mortal.failing(journal.Ended, nil)
			g.kill("a")
			g.journaled("a", journal.Ended)
			pass(time.Minute)
			g.history("a", StatusRunning, StatusCancelled)
		})
	})
}
