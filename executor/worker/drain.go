package worker

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/lifecycle"
)

// Drain ends the worker in good order. From now on Request fails; runs that
// have not started stay in the journal; running ones may go on for grace, and
// are then stopped and reported as FAILURE; results are delivered until ctx
// ends. What is left then is in the journal, for the next process: a
// *[LeftError] names it.
func (w *Worker) Drain(ctx context.Context, grace time.Duration) error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.tell(ctx, lifecycle.Drain)
	patience, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	w.until(patience, func(s Stats) bool { return s.Running == 0 })
	w.tell(ctx, lifecycle.Evict)
	w.until(ctx, func(s Stats) bool { return s == Stats{} })
	left := w.ids(func(r *run) bool { return !r.told })
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		w.Stop()
	}()
	select {
	case <-stopped:
	case <-ctx.Done():
	}
	if len(left) > 0 {
		return &LeftError{Runs: left}
	}
	return nil
}

// LeftError names, sorted, the runs whose result the server has not taken. Runs
// that have not started need not be among them; the journal has those too.
type LeftError struct{ Runs []string }

func (e *LeftError) Error() string {
	return fmt.Sprintf("draining: %d runs are left in the journal: %.500s", len(e.Runs), strings.Join(e.Runs, " "))
}

// Stop ends everything at once: children are told to end, their ends recorded,
// nothing more is sent. It returns when all runners have.
func (w *Worker) Stop() {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	w.cancel(ErrDraining)
	w.actors.Wait()
}

// tell tells all runs of an event.
func (w *Worker) tell(ctx context.Context, kind lifecycle.Kind) {
	w.mu.Lock()
	runs := make([]*run, 0, len(w.runs))
	for _, r := range w.runs {
		runs = append(runs, r)
	}
	w.mu.Unlock()
	for _, r := range runs {
		select {
		case <-r.durable:
			_ = r.ask(ctx, kind)
		case <-ctx.Done():
			return
		}
	}
}

// until waits for a state of affairs, or the end of ctx.
func (w *Worker) until(ctx context.Context, reached func(Stats) bool) {
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		if reached(w.Stats()) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
