package worker

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

// causes are what a runner is told for a fate.
var causes = map[lifecycle.Fate]error{
	lifecycle.Killed:    ErrKilled,
	lifecycle.TimedOut:  ErrTimeout,
	lifecycle.Drained:   ErrDraining,
	lifecycle.Overruled: ErrOverruled,
}

// load returns the whole request.
func (r *run) load() (*queue.Request, error) {
	if r.request != nil {
		return r.request, nil
	}
	first, err := load[accepted](r.w, r.id, journal.Accepted)
	if err != nil {
		return nil, err
	}
	return &first.Request, nil
}

// prepare has the runner look at the request, if it has not done so yet.
func (r *run) prepare() {
	if r.prepared != nil {
		return
	}
	prepared := make(chan Execute, 1)
	r.prepared = prepared
	request, err := r.load()
	r.w.actors.Go(func() {
		var execute Execute
		if err == nil {
			err = r.attempt(func() { execute = r.w.o.Runner.Prepare(*request) })
		}
		if err != nil {
			execute = func(context.Context, Sink) Outcome { return failure(err) }
		}
		prepared <- execute
	})
}

// startChild gives the run to the runner.
func (r *run) startChild() {
	if r.seen.Status == StatusRunning && r.seen.StartTimeMS > 0 {
		r.startMS = r.seen.StartTimeMS // an earlier process may have claimed it
	}
	ctx, cancel := context.WithCancelCause(r.w.ctx)
	r.stop, r.child, r.sink = cancel, true, &sink{r: r}
	r.tick = time.NewTicker(r.w.o.Tick)
	if r.w.o.Timeout > 0 {
		r.limit = time.AfterFunc(r.w.o.Timeout, func() { r.send(message{event: lifecycle.Event{Kind: lifecycle.Timeout}}) })
	}
	r.prepare()
	prepared := r.prepared
	r.w.actors.Go(func() {
		execute := <-prepared
		var outcome Outcome
		if err := r.attempt(func() { outcome = execute(ctx, r.sink) }); err != nil {
			outcome = failure(err)
		}
		r.sink.end()
		cancel(nil)
		r.send(message{event: lifecycle.Event{Kind: lifecycle.Exited, Status: lifecycle.Status(outcome.Status)}, outcome: &outcome})
	})
}

func (r *run) runnerReturned(o *Outcome) {
	r.child, r.outcome, r.endedAt = false, o, r.w.o.Now()
	r.tick.Stop()
	r.tick = nil
	if r.limit != nil {
		r.limit.Stop()
	}
	r.request = nil
}

// notNow is why a runner may not start a child.
func (r *run) notNow() error {
	if cause := causes[r.state.Fate]; cause != nil {
		return cause
	}
	return fmt.Errorf("starting run %s: it was started before", r.id)
}

// sink is what a runner tells about a run.
type sink struct {
	r *run

	mu      sync.Mutex
	render  func(limit int) string
	last    string    // the text that was written last
	written time.Time // when
}

// Starting implements Sink.
func (s *sink) Starting() error {
	return s.r.ask(context.Background(), lifecycle.WantsStart)
}

// Started implements Sink.
func (s *sink) Started(pid int, startTime uint64) {
	s.r.send(message{event: lifecycle.Event{Kind: lifecycle.HasStarted}, process: &process{pid, startTime}})
}

// Progress implements Sink.
func (s *sink) Progress(render func(limit int) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.render = render
}

// end is for a runner that has returned: its text is gone.
func (s *sink) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.render = nil
}

// text returns the current text, and whether it is worth writing: it changed,
// or the server heard nothing for long. Then a line with the time is added,
// because a server may skip what is the same as before.
func (s *sink) text(limit int, refresh time.Duration, now time.Time) (text string, changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.render != nil {
		_ = s.r.attempt(func() { text = s.render(limit) })
	}
	quiet := now.Sub(s.written)
	if s.written.IsZero() {
		s.written, quiet = now, 0 // the claim
	}
	if text == s.last && quiet < refresh {
		return text, false
	}
	changed = text != s.last
	s.last, s.written = text, now
	if !changed {
		text += fmt.Sprintf("\n[still running at %s]", now.UTC().Format(time.RFC3339))
	}
	return text, true
}
