package worker

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// slow is a journal on a disk that takes a while.
type slow struct {
	Journal
	d time.Duration
}

// Append implements Journal.
func (s slow) Append(r journal.Record) error {
	time.Sleep(s.d)
	return s.Journal.Append(r)
}

// The journal, every answer of the server and Prepare take step.
func stepwise(g *rig, step time.Duration) {
	g.server.latency = step
	g.runner.prepare = func(queue.Request) { time.Sleep(step) }
	g.options = func(o *Options) { o.Journal = slow{o.Journal, step} }
}

func TestStartOverlaps(t *testing.T) {
	const step = 100 * time.Millisecond
	simulated(t, func(t *testing.T, g *rig) {
		stepwise(g, step)
		var waited time.Duration
		begun := time.Now()
		g.runner.before = func(context.Context, queue.Request) { waited = time.Since(begun) }
		g.boot()
		begun = time.Now()
		g.request("a")
		pass(10 * time.Second)
		// The journal beside the first read, Prepare beside the claim, and the
		// last read.
		if waited != 3*step {
			t.Errorf("the run was executed after %s", waited)
		}
		g.history("a", StatusRunning, StatusSuccess)
		g.starts("a", 1)
	})
}

// What the server had when the run came does not count for long.
func TestOldGlimpse(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.Journal = slow{o.Journal, 2 * freshFor} }
		g.boot()
		go g.request("a")
		pass(freshFor)
		synctest.Wait()
		g.server.set(func(s *fakeServer) { s.results["a"] = Result{Status: StatusFailure, Report: "somebody else's"} })
		pass(time.Minute)
		if n := g.server.count(); n != 0 {
			t.Errorf("%d claims of what is somebody else's", n)
		}
		g.journaled("a", journal.Dropped)
	})
}

// What was prepared for a claim that is lost is never executed.
func TestPreparedInVain(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		prepared := 0
		g.runner.prepare = func(queue.Request) { prepared++ }
		g.server.intercept = func(string, Result) (error, bool) {
			g.server.results["a"] = Result{Status: StatusRunning, Report: "somebody else's"}
			return ErrExists, true
		}
		g.boot()
		g.request("a")
		pass(time.Minute)
		if prepared != 1 {
			t.Errorf("prepared %d times", prepared)
		}
		g.starts("a", 0)
		g.journaled("a", journal.Dropped)
	})
}
