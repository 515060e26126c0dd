package results_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/worker"
)

// runner runs functions.
type runner struct {
	starts atomic.Int64
	run    func(ctx context.Context, s worker.Sink) worker.Outcome
}

func (r *runner) Prepare(queue.Request) worker.Execute {
	return func(ctx context.Context, s worker.Sink) worker.Outcome {
		if err := s.Starting(); err != nil {
			return worker.Outcome{Status: worker.StatusFailure, Reason: err.Error()}
		}
		r.starts.Add(1)
		return r.run(ctx, s)
	}
}

func (*runner) Sweep(context.Context, []worker.Orphan) error { return nil }

func succeed(context.Context, worker.Sink) worker.Outcome {
	return worker.Outcome{Status: worker.StatusSuccess, Reason: "done"}
}

// executor is a worker that talks to a real address.
func executor(t testing.TB, peer *gmstest.Running, r worker.Runner, change func(*worker.Options)) *worker.Worker {
	t.Helper()
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := worker.Options{
		Instance: t.Name(), Version: "1", Journal: j, Pool: capacity.New(capacity.Options{Workers: 8}), Server: server(t, peer.URL()), Runner: r,
		Weight:     func(queue.Request) capacity.Weight { return capacity.Share(8) },
		RetryFirst: 10 * time.Millisecond, RetryMost: 50 * time.Millisecond, Tick: 20 * time.Millisecond, Confirm: 300 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	w, err := worker.New(o)
	if err == nil {
		err = w.Recover(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.Stop()
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func request(t testing.TB, peer *gmstest.Running, w *worker.Worker, id string) {
	t.Helper()
	peer.AddRequest(id, nil)
	if err := w.Request(t.Context(), queue.Request{ID: id, Task: queue.RunIngest, Pool: queue.DefaultPool}); err != nil {
		t.Fatal(err)
	}
}

// The answer to each of the writes is lost in turn: the run still starts once
// and ends once.
func TestLostAnswers(t *testing.T) {
	for _, status := range []string{worker.StatusRunning, worker.StatusSuccess} {
		t.Run(status, func(t *testing.T) {
			peer := gmstest.Start(t, gmstest.Options{})
			r := &runner{run: succeed}
			w := executor(t, peer, r, nil)
			peer.Fail(gmstest.Fault{Path: "ingestProposal", Body: status, DropAfter: true, Times: 1})
			request(t, peer, w, "a")
			peer.WaitStatus(t, "a", 5*time.Second, worker.StatusSuccess)
			until(t, func() bool { return w.Stats() == worker.Stats{} })
			if n := r.starts.Load(); n != 1 {
				t.Errorf("started %d times", n)
			}
			if h := peer.History("a"); len(h) != 2 {
				t.Errorf("%d results were stored", len(h))
			}
		})
	}
}

// Executors that all get everything, on a server that fails one call in three.
func TestManyExecutors(t *testing.T) {
	for _, mode := range []gmstest.CreateMode{gmstest.CreateOnce, gmstest.CreateAsUpsert} {
		t.Run(fmt.Sprint("create mode ", mode), func(t *testing.T) {
			peer := gmstest.Start(t, gmstest.Options{})
			peer.SetCreate(mode)
			r := &runner{run: succeed}
			var all []*worker.Worker
			for range 3 {
				all = append(all, executor(t, peer, r, func(o *worker.Options) {
					if mode == gmstest.CreateAsUpsert {
						o.Settle = time.Second
					}
				}))
			}
			for i := range 30 {
				if i%3 == 0 {
					peer.Fail(gmstest.Fault{Status: 503, After: i, Times: 1})
					peer.Fail(gmstest.Fault{DropAfter: true, After: i, Times: 1})
				}
			}
			const runs = 8
			for i := range runs {
				for _, w := range all {
					request(t, peer, w, fmt.Sprint("r", i))
				}
			}
			for i := range runs {
				peer.WaitStatus(t, fmt.Sprint("r", i), 30*time.Second, worker.StatusSuccess)
			}
			if n := r.starts.Load(); n != runs {
				t.Errorf("%d starts of %d runs", n, runs)
			}
		})
	}
}

func TestKillOverHTTP(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	r := &runner{run: func(ctx context.Context, s worker.Sink) worker.Outcome {
		s.Progress(func(int) string { return "at work" })
		<-ctx.Done()
		return worker.Outcome{Status: worker.StatusCancelled, Reason: context.Cause(ctx).Error()}
	}}
	w := executor(t, peer, r, nil)
	request(t, peer, w, "a")
	until(t, func() bool { result, _ := peer.Result("a"); return strings.HasSuffix(result.Report, "\nat work") })
	if err := w.Signal(t.Context(), queue.Signal{ID: "a", Name: queue.Kill}); err != nil {
		t.Fatal(err)
	}
	result := peer.WaitStatus(t, "a", 5*time.Second, worker.StatusCancelled)
	if !strings.Contains(result.Report, worker.ErrKilled.Error()) || result.StartTimeMS == 0 {
		t.Errorf("%+v", result)
	}
}

// The sweeper of the server takes the run for dead.
func TestAbortedBySomebodyElse(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	told := make(chan error, 1)
	r := &runner{run: func(ctx context.Context, s worker.Sink) worker.Outcome {
		s.Progress(func(int) string { return time.Now().String() })
		<-ctx.Done()
		told <- context.Cause(ctx)
		return worker.Outcome{Status: worker.StatusCancelled}
	}}
	w := executor(t, peer, r, nil)
	request(t, peer, w, "a")
	until(t, func() bool { return r.starts.Load() == 1 })
	peer.SetResult("a", map[string]any{"status": "ABORTED"})
	if cause := <-told; !errors.Is(cause, worker.ErrOverruled) {
		t.Errorf("the runner was told %v", cause)
	}
	until(t, func() bool { return w.Stats() == worker.Stats{} })
	if result, _ := peer.Result("a"); result.Status != "ABORTED" {
		t.Errorf("%+v", result)
	}
}

// The server is away while runs end; all results arrive when it is back.
func TestServerAway(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	release := make(chan struct{})
	r := &runner{run: func(context.Context, worker.Sink) worker.Outcome {
		<-release
		return worker.Outcome{Status: worker.StatusSuccess}
	}}
	w := executor(t, peer, r, nil)
	for i := range 4 {
		request(t, peer, w, fmt.Sprint("r", i))
	}
	until(t, func() bool { return r.starts.Load() == 4 }) // the server may have a claim before its run is started
	peer.Stop()
	close(release)
	until(t, func() bool { return w.Stats().Undelivered == 4 })
	time.Sleep(100 * time.Millisecond)
	if err := peer.Restart(); err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		peer.WaitStatus(t, fmt.Sprint("r", i), 5*time.Second, worker.StatusSuccess)
	}
}

func TestBudget(t *testing.T) {
	peer := gmstest.Start(t, gmstest.Options{})
	r := &runner{run: func(context.Context, worker.Sink) worker.Outcome {
		return worker.Outcome{Status: worker.StatusFailure, Report: func(int) (string, []byte) {
			return strings.Repeat("ü\n", 1<<20), []byte(`{"source":{}}`)
		}}
	}}
	const limit = 1 << 20
	w := executor(t, peer, r, func(o *worker.Options) {
		bounded := server(t, peer.URL())
		bounded.MaxBytes = limit
		o.Server = bounded
	})
	request(t, peer, w, "a")
	result := peer.WaitStatus(t, "a", 10*time.Second, worker.StatusFailure)
	if result.StructuredReport == nil || len(result.Report) < limit/10 {
		t.Errorf("report of %d bytes, structured %v", len(result.Report), result.StructuredReport)
	}
	for _, e := range peer.Exchanges() {
		if len(e.Body) > limit {
			t.Errorf("%d bytes were sent", len(e.Body))
		}
	}
}

func until(t testing.TB, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come to pass")
		}
	}
}

// BenchmarkEnd is the time from the runner's return to the end of the run at
// the server, over HTTP and with a real journal.
func BenchmarkEnd(b *testing.B) {
	stored := make(chan time.Time, 1)
	peer := gmstest.Start(b, gmstest.Options{OnChange: func(c gmstest.Change) {
		if strings.Contains(string(c.Value), worker.StatusSuccess) {
			stored <- time.Now()
		}
	}})
	returned := make(chan time.Time, 1)
	r := &runner{run: func(context.Context, worker.Sink) worker.Outcome {
		returned <- time.Now()
		return worker.Outcome{Status: worker.StatusSuccess}
	}}
	w := executor(b, peer, r, nil)
	var took []time.Duration
	for b.Loop() {
		request(b, peer, w, fmt.Sprint("r", len(took)))
		start := <-returned
		took = append(took, (<-stored).Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
