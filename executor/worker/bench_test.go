package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// instant is a runner whose children take no time.
type instant struct {
	called chan time.Time
}

func (r instant) Prepare(queue.Request) Execute { return r.run }

func (r instant) run(_ context.Context, s Sink) Outcome {
	if r.called != nil {
		r.called <- time.Now()
	}
	if err := s.Starting(); err != nil {
		return Outcome{Status: StatusFailure, Reason: err.Error()}
	}
	s.Started(1, 1)
	return Outcome{Status: StatusSuccess}
}

func (instant) Sweep(context.Context, []Orphan) error { return nil }

// onDisk is a worker with a real journal.
func onDisk(t testing.TB, s Server, r Runner) *Worker {
	t.Helper()
	j, err := journal.Open(t.TempDir(), journal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	return running(t, s, r, j)
}

// running is a worker that stops with the test.
func running(t testing.TB, s Server, r Runner, j Journal) *Worker {
	t.Helper()
	w, err := New(Options{
		Instance: "bench", Version: "1", Journal: j, Pool: capacity.New(capacity.Options{Workers: 4}), Server: s, Runner: r,
		Weight: func(queue.Request) capacity.Weight { return capacity.Share(4) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return w
}

// BenchmarkDispatch is the time from Request to Execute, with a real journal
// and a server that answers at once.
func BenchmarkDispatch(b *testing.B) {
	r := instant{called: make(chan time.Time)}
	w := onDisk(b, newServer(), r)
	var took []time.Duration
	for b.Loop() {
		id := fmt.Sprint("r", len(took))
		start := time.Now()
		if err := w.Request(b.Context(), ask(id)); err != nil {
			b.Fatal(err)
		}
		took = append(took, (<-r.called).Sub(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}

// BenchmarkRun is a whole run, from Request until the server has its end.
func BenchmarkRun(b *testing.B) {
	w := onDisk(b, newServer(), instant{})
	n := 0
	for b.Loop() {
		n++
		if err := w.Request(b.Context(), ask(fmt.Sprint("r", n))); err != nil {
			b.Fatal(err)
		}
		w.until(b.Context(), func(s Stats) bool { return s == Stats{} })
	}
}

// brief is a server that forgets runs when they end.
type brief struct{ *fakeServer }

func (s brief) Write(ctx context.Context, id string, r Result, create bool) error {
	err := s.fakeServer.Write(ctx, id, r, create)
	if r.Status != StatusRunning {
		s.set(func(s *fakeServer) { delete(s.results, id); delete(s.history, id) })
	}
	return err
}

// forgetful is a journal that forgets runs when they are over.
type forgetful struct {
	mu   sync.Mutex
	data map[string]map[journal.State]json.RawMessage
}

// Append implements Journal.
func (j *forgetful) Append(r journal.Record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	switch r.State {
	case journal.Accepted:
		j.data[r.ID] = map[journal.State]json.RawMessage{}
	case journal.Delivered, journal.Dropped:
		delete(j.data, r.ID)
		return nil
	}
	j.data[r.ID][r.State] = r.Data
	return nil
}

// Runs implements Journal.
func (j *forgetful) Runs() []journal.Run { return nil }

// Data implements Journal.
func (j *forgetful) Data(id string, s journal.State) (json.RawMessage, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.data[id][s], nil
}

// A worker keeps nothing of runs that are over.
func TestMemoryOfManyRuns(t *testing.T) {
	const runs, most = 10_000, 1 << 20
	w := running(t, brief{newServer()}, instant{}, &forgetful{data: map[string]map[journal.State]json.RawMessage{}})
	w.o.MaxWaiting = 50 // as many goroutines at most in each batch
	batch := func(name string, n int) uint64 {
		for i := range n {
			for w.Request(t.Context(), ask(fmt.Sprint(name, i))) != nil {
				time.Sleep(time.Millisecond) // too many wait
			}
		}
		w.until(t.Context(), func(s Stats) bool { return s == Stats{} })
		runtime.GC()
		runtime.GC() // what was pooled
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := batch("warm", 3000)
	after := batch("r", runs)
	t.Logf("%d runs left %d bytes", runs, int64(after)-int64(before))
	if after > before+most {
		t.Errorf("%d runs left %d bytes, more than %d", runs, after-before, most)
	}
}
