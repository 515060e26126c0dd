package worker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/queue"
)

// witness writes down what it is told.
type witness struct {
	mu   sync.Mutex
	said []string
}

func (w *witness) say(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, fmt.Sprintf(format, args...))
}

func (w *witness) Received(r queue.Request)            { w.say("received %s", r.ID) }
func (w *witness) Refused(r queue.Request, why string) { w.say("refused %s: %s", r.ID, why) }
func (w *witness) Started(r queue.Request, waited time.Duration) {
	w.say("started %s after %v", r.ID, waited)
}
func (w *witness) Ended(r queue.Request, status string, took time.Duration) {
	w.say("ended %s %s after %v", r.ID, status, took)
}
func (w *witness) Cancelled(r queue.Request) { w.say("cancelled %s", r.ID) }
func (w *witness) Delivered(r queue.Request, status string, late time.Duration) {
	w.say("delivered %s %s after %v", r.ID, status, late)
}
func (w *witness) DeliveryFailed(r queue.Request, err error) { w.say("failed %s", r.ID) }

func (w *witness) audit(a Audit) error {
	w.say("audit %s %s by %s", a.Event, a.ID, a.Actor)
	return nil
}

func TestObserverAndAudit(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		w := &witness{}
		g.options = func(o *Options) { o.Observer, o.Audit = w, w.audit }
		g.server.results["b"] = Result{Status: StatusRunning, Report: "Task claimed by executor instance other\nmore"}
		g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome {
			<-ctx.Done()
			g.server.set(func(s *fakeServer) { s.down = true })
			return Outcome{Status: StatusCancelled}
		}
		g.boot()
		g.request("a")
		g.request("a")
		pass(time.Second)
		g.request("b")
		pass(time.Second)
		g.kill("a")
		g.kill("a")
		pass(100 * time.Millisecond)
		g.server.set(func(s *fakeServer) { s.down = false })
		pass(time.Minute)
		if i := slices.IndexFunc(w.said, func(s string) bool { return len(s) > 11 && s[:11] == "delivered a" }); i >= 0 {
			w.said[i] = "delivered a" // when depends on the back-off
		}
		want := []string{
			"received a", "audit run-accepted a by urn:li:corpuser:x", "started a after 0s", "audit run-started a by urn:li:corpuser:x",
			"received b", "audit run-accepted b by urn:li:corpuser:x",
			"refused b: somebody else has it: Task claimed by executor instance other", "audit run-dropped b by urn:li:corpuser:x",
			"cancelled a", "audit run-killed a by urn:li:corpuser:x", "ended a CANCELLED after 2s", "audit run-ended a by urn:li:corpuser:x",
			"failed a", "delivered a",
		}
		if diff := cmp.Diff(want, w.said); diff != "" {
			t.Error(diff)
		}
	})
}
