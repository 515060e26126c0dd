package worker

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

// rig is an executor: a journal's directory that stays, and workers that come
// and go.
type rig struct {
	t       *testing.T
	dir     string
	server  *fakeServer
	runner  *fakeRunner
	options func(*Options)
	after   journal.State // crash the next worker after such a record

	*Worker
	mortal *mortal
}

func newRig(t *testing.T) *rig {
	return &rig{t: t, dir: t.TempDir(), server: newServer(), runner: newRunner()}
}

// boot starts a worker on the rig's journal.
func (g *rig) boot() {
	g.t.Helper()
	if err := g.tryBoot(); err != nil {
		g.t.Fatal(err)
	}
}

func (g *rig) tryBoot() error {
	j, err := journal.Open(g.dir, journal.Options{ReserveBytes: -1})
	if err != nil {
		return err
	}
	g.mortal = &mortal{Server: g.server, j: j, dead: make(chan struct{}), after: g.after, fail: map[journal.State]error{}}
	g.after = ""
	o := Options{
		Instance: "test", Version: "1", Journal: g.mortal, Pool: capacity.New(capacity.Options{Workers: 2}), Server: g.mortal, Runner: g.runner,
		Weight: func(queue.Request) capacity.Weight { return capacity.Size / 2 },
	}
	if g.options != nil {
		g.options(&o)
	}
	if g.Worker, err = New(o); err != nil {
		return err
	}
	return g.Recover(g.t.Context())
}

// down ends the worker, in the way of kill -9 unless it was drained before.
func (g *rig) down() {
	g.t.Helper()
	g.mortal.crash()
	g.Stop()
	if err := g.mortal.j.Close(); err != nil {
		g.t.Error(err)
	}
}

func (g *rig) request(id string) {
	g.t.Helper()
	if err := g.Request(g.t.Context(), ask(id)); err != nil {
		g.t.Errorf("request %s: %v", id, err)
	}
}

func (g *rig) kill(id string) {
	g.t.Helper()
	if err := g.Signal(g.t.Context(), queue.Signal{ID: id, Name: queue.Kill}); err != nil {
		g.t.Errorf("signal for %s: %v", id, err)
	}
}

func ask(id string) queue.Request {
	return queue.Request{ID: id, Task: queue.RunIngest, Pool: queue.DefaultPool, Args: map[string]string{"recipe": "{}"}, Actor: "urn:li:corpuser:x"}
}

// history wants the statuses that the server stored for a run, in order and
// without repetitions.
func (g *rig) history(id string, want ...string) {
	g.t.Helper()
	g.server.mu.Lock()
	defer g.server.mu.Unlock()
	if got := slices.Compact(slices.Clone(g.server.history[id])); !slices.Equal(got, want) {
		g.t.Errorf("%s: the server stored %v, want %v", id, got, want)
	}
}

func (g *rig) starts(id string, want int) {
	g.t.Helper()
	if got := g.runner.started(id); got != want {
		g.t.Errorf("%s was started %d times, want %d", id, got, want)
	}
}

// journaled wants the state that the journal has of a run.
func (g *rig) journaled(id string, want journal.State) {
	g.t.Helper()
	run, _ := g.mortal.j.Run(id)
	if run.State != want {
		g.t.Errorf("%s is %q in the journal, want %q", id, run.State, want)
	}
}

func (g *rig) says(id, want string) {
	g.t.Helper()
	if got := g.server.result(id).Report; !strings.Contains(got, want) {
		g.t.Errorf("%s: the report lacks %q:\n%s", id, want, got)
	}
}

// pass lets simulated time pass, and everything happen that then happens.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// simulated runs f on simulated time with a fresh rig; its worker ends with it.
func simulated(t *testing.T, f func(t *testing.T, g *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		f(t, g)
		if g.Worker != nil {
			g.down()
		}
	})
}

func (g *rig) String() string { return fmt.Sprint(g.Stats(), g.Running()) }
