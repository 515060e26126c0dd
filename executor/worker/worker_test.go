package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestOneRun(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var order []string
		g.runner.before = func(context.Context, queue.Request) {
			g.journaled("a", journal.Accepted)
			order = append(order, "server "+g.server.status("a"))
		}
		g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
			synctest.Wait()
			g.journaled("a", journal.Started)
			return g.runner.wait(ctx, 5*time.Second)
		}
		g.server.intercept = func(_ string, r Result) (error, bool) {
			if r.Status == StatusSuccess {
				g.journaled("a", journal.Ended)
			}
			return nil, false
		}
		g.boot()
		g.request("a")
		pass(time.Second)
		if diff := cmp.Diff([]string{"a"}, g.Running()); diff != "" {
			t.Error(diff)
		}
		pass(10 * time.Second)
		g.history("a", StatusRunning, StatusSuccess)
		g.journaled("a", journal.Delivered)
		if diff := cmp.Diff([]string{"server RUNNING"}, order); diff != "" {
			t.Error(diff)
		}
		r := g.server.result("a")
		if !strings.HasPrefix(r.Report, "Task claimed by executor instance test; version = 1; lease = ") || !strings.HasSuffix(r.Report, "\nall done") {
			t.Errorf("report: %s", r.Report)
		}
		if diff := cmp.Diff(&Structured{Type: "RUN_INGEST", Serialized: `{"cli":{}}`, ContentType: "application/json"}, r.Structured); diff != "" {
			t.Error(diff)
		}
		if r.DurationMS != 5000 || r.StartTimeMS == 0 {
			t.Errorf("start %d, duration %d ms", r.StartTimeMS, r.DurationMS)
		}
		if diff := cmp.Diff(Stats{}, g.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDuplicatesStartOnce(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		var deliveries sync.WaitGroup
		for range 10 {
			deliveries.Go(func() { g.request("a") })
		}
		deliveries.Wait()
		pass(100 * time.Millisecond)
		g.request("a")
		pass(5 * time.Second)
		g.request("a")
		g.down()
		g.boot()
		for range 10 {
			g.request("a")
		}
		pass(5 * time.Second)
		g.starts("a", 1)
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestTimeout(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.Timeout = 10 * time.Minute }
		g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome { return g.runner.wait(ctx, time.Hour) }
		g.boot()
		g.request("a")
		pass(11 * time.Minute)
		g.history("a", StatusRunning, StatusFailure)
		g.says("a", "it took longer than the executor allows: 10m0s.")
		if cause := g.runner.causes["a"]; cause != ErrTimeout {
			t.Errorf("the runner was told %v", cause)
		}
	})
}

func TestMalformedRequestIsAnswered(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		q := ask("a")
		q.Problem = "args are no map of texts"
		if err := g.Request(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		g.history("a", StatusRunning, StatusFailure)
		g.starts("a", 0)
		g.says("a", "args are no map of texts")
		if err := g.Request(t.Context(), ask("../a")); !errors.Is(err, queue.ErrID) {
			t.Errorf("got %v", err)
		}
	})
}

// CANCELLED is for those who asked.
func TestRunnerCannotCancel(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.runner.during = func(context.Context, queue.Request, Sink) Outcome { return Outcome{Status: StatusCancelled} }
		g.boot()
		g.request("a")
		pass(time.Minute)
		g.history("a", StatusRunning, StatusFailure)
	})
}

func TestTooManyWait(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.MaxWaiting = 2 }
		g.boot()
		for _, id := range []string{"a", "b", "c", "d"} {
			g.request(id)
			synctest.Wait()
		}
		if err := g.Request(t.Context(), ask("e")); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		pass(2 * time.Second)
		g.request("e")
		pass(time.Minute)
		g.history("e", StatusRunning, StatusSuccess)
	})
}

func TestProgress(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var text atomic.Value
		text.Store("No logs yet")
		g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
			s.Progress(func(int) string { return text.Load().(string) })
			return g.runner.wait(ctx, time.Hour)
		}
		g.boot()
		g.request("a")
		pass(9 * time.Minute)
		if writes := g.server.count(); writes != 2 { // the claim, and the text once
			t.Errorf("%d writes for a text that does not change", writes)
		}
		pass(40 * time.Minute)
		if writes := g.server.count(); writes < 5 || writes > 7 {
			t.Errorf("%d writes in 49 minutes", writes)
		}
		g.says("a", "No logs yet\n[still running at ")
		for i := range 600 {
			text.Store(fmt.Sprint("line ", i))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if writes := g.server.count(); writes < 30 || writes > 37 {
			t.Errorf("%d writes after a minute of changes", writes)
		}
	})
}

// What a waiting run would hold is read again from the journal.
func TestBigRequest(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		recipe := strings.Repeat("x", 2*smallRequest)
		var got string
		g.runner.before = func(_ context.Context, q queue.Request) { got = q.Args["recipe"] }
		g.boot()
		q := ask("a")
		q.Args["recipe"] = recipe
		if err := g.Request(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if got != recipe {
			t.Errorf("the runner got %d bytes", len(got))
		}
	})
}

func TestRunnerThatStartsTwice(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var again error
		g.runner.during = func(_ context.Context, _ queue.Request, s Sink) Outcome {
			again = s.Starting()
			return Outcome{Status: StatusSuccess}
		}
		g.boot()
		g.request("a")
		pass(time.Minute)
		if again == nil {
			t.Error("it may start again")
		}
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestOptionsThatAreMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil || strings.Count(err.Error(), "is missing") != 5 {
		t.Errorf("got %v", err)
	}
	g := newRig(t)
	g.options = func(o *Options) { o.Instance = "two\nlines" }
	if err := g.tryBoot(); err == nil || !strings.Contains(err.Error(), "one line") {
		t.Errorf("got %v", err)
	}
	if err := g.mortal.j.Close(); err != nil {
		t.Error(err)
	}
}

func TestBackoff(t *testing.T) {
	o := Options{}.withDefaults()
	for attempts := range 100 {
		d := o.backoff(attempts)
		if d < o.RetryFirst/2 || d > o.RetryMost || attempts > 20 && d < o.RetryMost/2 {
			t.Errorf("attempt %d waits %v", attempts, d)
		}
	}
}

func TestStatusesAgree(t *testing.T) {
	ours := []string{StatusRunning, StatusSuccess, StatusFailure, StatusCancelled}
	pure := []lifecycle.Status{lifecycle.StatusRunning, lifecycle.StatusSuccess, lifecycle.StatusFailure, lifecycle.StatusCancelled}
	for i := range ours {
		if ours[i] != string(pure[i]) {
			t.Errorf("%s is %s", ours[i], pure[i])
		}
	}
}
