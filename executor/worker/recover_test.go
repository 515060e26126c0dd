package worker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// A crash after each record: the next process does what is right, once.
func TestCrash(t *testing.T) {
	for _, tc := range []struct {
		after   journal.State
		history []string
		starts  int
		swept   bool
		report  string
	}{
		{journal.Accepted, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
		{journal.Starting, []string{StatusRunning, StatusFailure}, 0, true, "The executor stopped while the run was going on"},
		{journal.Started, []string{StatusRunning, StatusFailure}, 1, true, "It is not started again"},
		{journal.Ended, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
		{journal.Delivered, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
	} {
		t.Run(string(tc.after), func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.after = tc.after
				g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
					if g.mortal.isDead() {
						return Outcome{}
					}
					return g.runner.wait(ctx, time.Second)
				}
				g.boot()
				_ = g.Request(t.Context(), ask("a"))
				pass(3 * time.Second)
				g.down()
				if tc.after == journal.Starting {
					g.runner.starts["a"] = 0 // Starting never returned to that process
				}
				g.boot()
				g.request("a")
				pass(5 * time.Minute)
				g.history("a", tc.history...)
				g.starts("a", tc.starts)
				g.says("a", tc.report)
				g.journaled("a", journal.Delivered)
				if got := len(g.runner.swept) > 0; got != tc.swept {
					t.Errorf("swept: %v", g.runner.swept)
				}
			})
		})
	}
}

// A KILL that was acknowledged holds after a crash.
func TestCrashAfterKill(t *testing.T) {
	t.Run("of a waiting run", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.server.set(func(s *fakeServer) { s.down = true })
			g.request("a")
			pass(time.Second)
			g.kill("a")
			g.down()
			g.server.set(func(s *fakeServer) { s.down = false })
			g.boot()
			pass(time.Hour)
			g.history("a", StatusRunning, StatusCancelled)
			g.starts("a", 0)
		})
	})
	t.Run("of a running one", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
				time.Sleep(time.Minute) // it does not want to end
				return Outcome{Status: StatusCancelled}
			}
			g.boot()
			g.request("a")
			pass(time.Second)
			g.kill("a")
			g.down()
			g.boot()
			pass(time.Hour)
			g.history("a", StatusRunning, StatusCancelled)
			if diff := cmp.Diff([]Orphan{{ID: "a", PID: 101, StartTime: 7}}, g.runner.swept); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func TestSweepThatFailsStopsTheStart(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.after = journal.Started
		g.boot()
		g.request("a")
		pass(5 * time.Second)
		g.down()
		g.runner.sweepErr = errors.New("it will not die")
		if err := g.tryBoot(); !errors.Is(err, g.runner.sweepErr) {
			t.Errorf("got %v", err)
		}
		pass(time.Hour)
		g.history("a", StatusRunning)
	})
}
