package worker

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/executor/queue"
)

var (
	schedules = flag.Int("schedules", 60, "how many random schedules TestSchedules runs")
	firstSeed = flag.Uint64("seed", 1, "seed of the first schedule")
)

// chaos is a schedule for real workers with real journals, on simulated time.
// What goroutines do at the same time is up to Go; the rest is the seed's.
type chaos struct {
	t      *testing.T
	mu     sync.Mutex
	rng    *rand.Rand
	server *fakeServer
	runner *fakeRunner
	rigs   []*rig
	killed map[string]bool
	calm   bool
}

func (c *chaos) pick(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

func (c *chaos) upTo(most time.Duration) time.Duration {
	return time.Duration(c.pick(int(most/time.Millisecond))) * time.Millisecond
}

// carry loses writes, answers, or only time.
func (c *chaos) carry(store func() error) error {
	c.mu.Lock()
	calm := c.calm
	c.mu.Unlock()
	if !calm {
		switch c.pick(10) {
		case 0:
			return errAway
		case 1:
			_ = store()
			return errAway
		case 2:
			time.AfterFunc(c.upTo(1500*time.Millisecond), func() { _ = store() })
			return errAway
		}
	}
	time.Sleep(c.upTo(100 * time.Millisecond))
	return store()
}

func (c *chaos) during(ctx context.Context, _ queue.Request, s Sink) Outcome {
	s.Progress(func(int) string { return fmt.Sprint("line ", c.pick(1000)) })
	if c.pick(3) == 0 {
		time.Sleep(c.upTo(10 * time.Second))
		return Outcome{Status: StatusFailure, Reason: "exit code 1"}
	}
	return c.runner.wait(ctx, c.upTo(20*time.Second))
}

// meanwhile lets one more thing happen.
func (c *chaos) meanwhile(ids []string) {
	g := c.rigs[c.pick(len(c.rigs))]
	id := ids[c.pick(len(ids))]
	switch c.pick(12) {
	case 0:
		g.down()
		time.Sleep(c.upTo(5 * time.Second))
		g.boot()
	case 1:
		c.server.set(func(s *fakeServer) { s.down = !s.down })
	case 2, 3:
		c.killed[id] = true
		_ = g.Signal(c.t.Context(), queue.Signal{ID: id, Name: queue.Kill})
	case 4:
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		_ = g.Drain(ctx, 3*time.Second)
		cancel()
		g.down()
		g.boot()
	default:
		_ = g.Request(c.t.Context(), ask(id))
	}
}

func (c *chaos) run(atomic bool) {
	c.server, c.runner, c.killed = newServer(), newRunner(), map[string]bool{}
	c.server.replaces, c.server.carry, c.runner.during = !atomic, c.carry, c.during
	for i := range 1 + c.pick(3) {
		g := &rig{t: c.t, dir: c.t.TempDir(), server: c.server, runner: c.runner}
		g.options = func(o *Options) {
			o.Instance = fmt.Sprint("x", i)
			if !atomic {
				o.Settle = 8 * time.Second
			}
		}
		g.boot()
		c.rigs = append(c.rigs, g)
	}
	ids := []string{"a", "b", "c", "d", "e"}
	for range 40 {
		c.meanwhile(ids)
		time.Sleep(c.upTo(2 * time.Second))
	}
	c.mu.Lock()
	c.calm = true
	c.mu.Unlock()
	c.server.set(func(s *fakeServer) { s.down = false })
	for _, id := range ids {
		c.rigs[0].request(id)
	}
	pass(time.Hour)
	c.judge(ids)
	for _, g := range c.rigs {
		g.down()
	}
}

func (c *chaos) judge(ids []string) {
	for _, id := range ids {
		c.rigs[0].server.mu.Lock()
		history := slices.Compact(slices.Clone(c.server.history[id]))
		c.rigs[0].server.mu.Unlock()
		ends := slices.DeleteFunc(slices.Clone(history), func(s string) bool { return s == StatusRunning })
		switch ends = slices.Compact(ends); {
		case len(ends) != 1 || history[len(history)-1] == StatusRunning:
			c.t.Errorf("%s: the server stored %v", id, history)
		case ends[0] == StatusCancelled && !c.killed[id]:
			c.t.Errorf("%s is CANCELLED and nobody asked for it", id)
		}
		if n := c.runner.started(id); n > 1 {
			c.t.Errorf("%s was started %d times", id, n)
		}
	}
	for _, broken := range c.server.broken {
		c.t.Error(broken)
	}
	for i, g := range c.rigs {
		if s := g.Stats(); s != (Stats{}) {
			c.t.Errorf("executor %d has not let go: %+v %v", i, s, g.Running())
		}
	}
}

func TestSchedules(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+uint64(*schedules) && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
			c.run(seed%2 == 0)
			if t.Failed() {
				t.Logf("seed %d", seed)
			}
		})
	}
}
