package capacity

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAcquire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Workers: 2})
		first, err := p.Acquire(t.Context(), 600)
		if err != nil {
			t.Fatal(err)
		}
		var second atomic.Bool
		go func() {
			release, err := p.Acquire(t.Context(), 600)
			if err != nil {
				t.Error(err)
				return
			}
			second.Store(true)
			release()
		}()
		synctest.Wait()
		if diff := cmp.Diff(Stats{Workers: 2, Active: 1, Waiting: 1, Size: Size, Weight: 600, Granted: 1}, p.Stats()); diff != "" {
			t.Error(diff)
		}
		first()
		first()
		synctest.Wait()
		if !second.Load() {
			t.Error("the second did not go")
		}
		if diff := cmp.Diff(Stats{Workers: 2, Size: Size, Granted: 2}, p.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Options{Workers: 4, Overtakes: -1})
		release, err := p.Acquire(t.Context(), 900)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		behind := make(chan func())
		go func() {
			time.Sleep(time.Second)
			release, err := p.Acquire(t.Context(), 100)
			if err != nil {
				t.Error(err)
			}
			behind <- release
		}()
		if _, err := p.Acquire(ctx, 500); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		// The small one waited behind the one that gave up, and goes now.
		(<-behind)()
		release()
		if _, err := p.Acquire(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a context that has ended: got %v", err)
		}
		if diff := cmp.Diff(Stats{Workers: 4, Size: Size, Granted: 2}, p.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

// A weight that no pool has does not wait for ever.
func TestEveryWeightFits(t *testing.T) {
	p := New(Options{})
	for _, w := range []Weight{-5, 0, 1, 1000, 1 << 40} {
		release, err := p.Acquire(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		if used := p.Stats().Weight; used < 1 || used > Size {
			t.Errorf("weight %d counts as %d", w, used)
		}
		release()
	}
}

// Many goroutines that come, run and give up at random moments: nothing runs
// beside too much else, and in the end the pool is empty.
func TestManyAtOnce(t *testing.T) {
	p := New(Options{Workers: 5})
	var weight, active atomic.Int64
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 1))
			for range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(2000))*time.Microsecond)
				w := Weight(1 + random.IntN(1000))
				release, err := p.Acquire(ctx, w)
				if err == nil {
					if weight.Add(int64(w)) > int64(Size) || active.Add(1) > 5 {
						t.Error("too much at once")
					}
					time.Sleep(time.Duration(random.IntN(50)) * time.Microsecond)
					active.Add(-1)
					weight.Add(-int64(w))
					release()
				}
				cancel()
			}
		})
	}
	all.Wait()
	got := p.Stats()
	got.Granted = 0
	if diff := cmp.Diff(Stats{Workers: 5, Size: Size}, got); diff != "" {
		t.Error(diff)
	}
}
