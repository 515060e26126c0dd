package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
)

// Recover goes on with what an earlier process left in the journal: children
// that it left are ended, and their runs reported as FAILURE; results are
// delivered; runs that did not start wait for a slot. It fails where the
// journal cannot be read, or children cannot be ended: then nothing goes on.
func (w *Worker) Recover(ctx context.Context) error {
	var left []Orphan
	var runs []*run
	for _, known := range w.o.Journal.Runs() {
		r, orphan, err := w.remember(known)
		if err != nil {
			return fmt.Errorf("recovering run %s: %w", known.ID, err)
		}
		runs = append(runs, r)
		if orphan != nil {
			left = append(left, *orphan)
		}
	}
	if len(left) > 0 {
		if err := w.o.Runner.Sweep(ctx, left); err != nil {
			return fmt.Errorf("ending what an earlier process left: %w", err)
		}
	}
	for _, r := range runs {
		w.mu.Lock()
		w.add(r)
		w.mu.Unlock()
		close(r.durable)
		r.begin()
	}
	if len(runs) > 0 {
		w.o.Log.Info("runs of an earlier process", "all", len(runs), "interrupted", len(left))
	}
	return nil
}

// remember makes a run of what the journal has of it, and says what may be left
// of its child.
func (w *Worker) remember(known journal.Run) (*run, *Orphan, error) {
	first, err := load[accepted](w, known.ID, journal.Accepted)
	if err != nil {
		return nil, nil, err
	}
	r := w.newRun(first)
	r.lighten()
	switch known.State {
	case journal.Accepted:
		r.state, r.first = lifecycle.Resume(w.o.rules(), lifecycle.RecordedAccepted, r.fate(), "")
		return r, nil, nil
	case journal.Ended:
		end, err := load[ended](w, known.ID, journal.Ended)
		if err != nil {
			return nil, nil, err
		}
		return r, r.resumeEnded(end), nil
	}
	orphan, err := w.interrupted(r)
	return r, orphan, err
}

// resumeEnded goes on with a recorded result.
func (r *run) resumeEnded(end ended) *Orphan {
	at := lifecycle.RecordedFate
	if end.Owned {
		at = lifecycle.RecordedEnded
	}
	r.resumed, r.recorded, r.killRecorded = true, true, end.Fate == lifecycle.Killed
	r.startMS, r.status = end.Result.StartTimeMS, end.Result.Status
	r.state, r.first = lifecycle.Resume(r.w.o.rules(), at, end.Fate, lifecycle.Status(end.Result.Status))
	r.phase = r.state.State
	if !end.Alive {
		return nil
	}
	orphan := Orphan{ID: r.id}
	if child, err := load[process](r.w, r.id, journal.Started); err == nil {
		orphan.PID, orphan.StartTime = child.PID, child.StartTime
	} else if end.Process != nil {
		orphan.PID, orphan.StartTime = end.Process.PID, end.Process.StartTime
	}
	return &orphan
}

// interrupted goes on with a run that was started and has no result.
func (w *Worker) interrupted(r *run) (*Orphan, error) {
	begun, err := load[starting](w, r.id, journal.Starting)
	if err != nil && !errors.Is(err, journal.ErrUnknown) {
		return nil, err
	}
	child, err := load[process](w, r.id, journal.Started)
	if err != nil && !errors.Is(err, journal.ErrUnknown) {
		return nil, err
	}
	r.resumed, r.startMS = true, begun.StartTimeMS
	r.state, r.first = lifecycle.Resume(w.o.rules(), lifecycle.RecordedStarted, lifecycle.NoFate, "")
	r.phase = r.state.State
	return &Orphan{ID: r.id, PID: child.PID, StartTime: child.StartTime}, nil
}
