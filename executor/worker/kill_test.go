package worker

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestKill(t *testing.T) {
	for _, tc := range []struct {
		name    string
		when    func(g *rig)
		history []string
		starts  int
	}{
		{"while it waits for a slot", func(g *rig) {
			g.request("b")
			g.request("c")
			pass(100 * time.Millisecond)
			g.request("a")
			pass(100 * time.Millisecond)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while the server is away", func(g *rig) {
			g.server.set(func(s *fakeServer) { s.down = true })
			g.request("a")
			pass(5 * time.Second)
			g.kill("a")
			pass(5 * time.Second)
			g.server.set(func(s *fakeServer) { s.down = false })
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while it is claimed", func(g *rig) {
			g.server.set(func(s *fakeServer) { s.latency = time.Second })
			g.request("a")
			pass(1500 * time.Millisecond)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"before its child exists", func(g *rig) {
			g.runner.before = func(ctx context.Context, _ queue.Request) { <-ctx.Done() }
			g.request("a")
			pass(time.Second)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while it runs", func(g *rig) {
			g.request("a")
			pass(500 * time.Millisecond)
			g.kill("a")
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 1},
		{"when it ended, and nobody knows yet", func(g *rig) {
			g.request("a")
			pass(500 * time.Millisecond)
			g.server.set(func(s *fakeServer) { s.down = true })
			pass(10 * time.Minute)
			g.server.set(func(s *fakeServer) { s.down = false })
			g.kill("a")
			pass(100 * time.Millisecond)
			g.journaled("a", journal.Delivered)
		}, []string{StatusRunning, StatusSuccess}, 1},
		{"after it was delivered", func(g *rig) {
			g.request("a")
			pass(5 * time.Second)
			g.kill("a")
		}, []string{StatusRunning, StatusSuccess}, 1},
		{"before its request", func(g *rig) {
			g.kill("a")
			pass(time.Second)
			g.history("a")
			g.request("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"never requested here", func(g *rig) { g.kill("a") }, nil, 0},
		{"somebody else's", func(g *rig) {
			g.server.results["a"] = Result{Status: StatusRunning, Report: "Task claimed by executor instance other"}
			g.server.set(func(s *fakeServer) { s.latency = time.Second })
			g.request("a")
			g.kill("a")
		}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.boot()
				tc.when(g)
				pass(time.Hour)
				g.history("a", tc.history...)
				g.starts("a", tc.starts)
				if diff := cmp.Diff(Stats{}, g.Stats()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A KILL between the decision to start and the child: what the next process
// would have to end is known.
func TestKillWhileStarting(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		tell := make(chan Sink)
		g.runner.silent = true
		g.runner.during = func(_ context.Context, _ queue.Request, s Sink) Outcome {
			tell <- s
			time.Sleep(time.Hour)
			return Outcome{Status: StatusCancelled}
		}
		g.boot()
		g.request("a")
		s := <-tell
		g.kill("a")
		s.Started(4711, 8)
		synctest.Wait()
		g.down()
		g.boot()
		pass(time.Hour)
		g.history("a", StatusRunning, StatusCancelled)
		if diff := cmp.Diff([]Orphan{{ID: "a", PID: 4711, StartTime: 8}}, g.runner.swept); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSignalsThatMeanNothing(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		g.request("a")
		pass(100 * time.Millisecond)
		for _, s := range []queue.Signal{{ID: "a", Name: "PAUSE"}, {ID: "../a", Name: queue.Kill}, {Name: queue.Kill}} {
			if err := g.Signal(t.Context(), s); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
		pass(time.Minute)
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestEarlyKillsAreBounded(t *testing.T) {
	var k earlyKills
	for i := range maxEarlyKills + 10 {
		k.add(fmt.Sprint(i))
		k.add(fmt.Sprint(i))
	}
	if len(k) != maxEarlyKills || k.take("9") || !k.take("10") || k.take("10") {
		t.Errorf("%d are kept", len(k))
	}
}
