package worker

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/lockforge/lockforge/executor/lifecycle"
)

// operation is what a run waits for: one thing at a time.
type operation struct {
	id       uint64
	cancel   context.CancelFunc
	finished chan struct{} // closed when its function has returned
}

func (o *operation) end() {
	if o.cancel != nil {
		o.cancel()
	}
	o.id++
	o.cancel = nil
}

// start replaces the operation by f, whose message comes to the loop.
func (r *run) start(f func(context.Context) message) {
	r.operation.end()
	ctx, cancel := context.WithCancel(r.w.ctx)
	id, finished := r.operation.id, make(chan struct{})
	r.operation.cancel, r.operation.finished = cancel, finished
	r.w.actors.Go(func() {
		defer cancel()
		m := f(ctx)
		m.op = id
		close(finished)
		r.send(m)
	})
}

// do carries out the actions of one event. The error is that of the journal.
func (r *run) do(actions []lifecycle.Action) error {
	var errs []error
	for _, a := range actions {
		errs = append(errs, r.act(a))
	}
	return errors.Join(errs...)
}

func (r *run) act(a lifecycle.Action) error {
	switch a {
	case lifecycle.Acquire:
		r.acquire()
	case lifecycle.Release:
		if r.slot == nil {
			r.operation.end()
		}
		r.prepared = nil // those that wait may be many
		r.releaseSlot()
	case lifecycle.Read:
		r.read()
	case lifecycle.Claim:
		r.prepare()
		r.writeClaim() // last: what is begun last goes on first, and this one waits
	case lifecycle.Progress:
		r.writeProgress()
	case lifecycle.Write:
		r.writeResult()
	case lifecycle.Abandon:
		r.abandon()
	case lifecycle.Settle:
		r.wait(r.w.o.Settle)
	case lifecycle.Confirm:
		r.wait(r.w.o.Confirm)
	case lifecycle.Retry:
		if r.recorded {
			r.result = nil // the journal has it; the server may be away for long
		}
		r.wait(r.w.o.backoff(r.state.Attempts))
	case lifecycle.Start:
		r.startChild()
	case lifecycle.Stop:
		r.stop(causes[r.state.Fate])
	default:
		return r.write(a)
	}
	return nil
}

// write carries out what writes the journal.
func (r *run) write(a lifecycle.Action) error {
	switch a {
	case lifecycle.RecordStarting:
		return r.recordStarting()
	case lifecycle.RecordStarted:
		return r.recordStarted()
	case lifecycle.RecordKill:
		return r.recordKill()
	case lifecycle.RecordEnded:
		return r.recordEnded()
	case lifecycle.RecordDelivered:
		return r.recordDelivered()
	case lifecycle.RecordDropped:
		return r.recordDropped()
	}
	return nil // Shrink: the state has how often
}

func (r *run) acquire() {
	r.start(func(ctx context.Context) message {
		r.lined()
		release, err := r.w.o.Pool.Acquire(ctx, r.share)
		if err != nil {
			<-ctx.Done() // replaced, or the worker ends
			return message{event: lifecycle.Event{Kind: lifecycle.TimeUp}}
		}
		return message{event: lifecycle.Event{Kind: lifecycle.GotSlot}, release: release}
	})
}

func (r *run) wait(d time.Duration) {
	r.start(func(ctx context.Context) message {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return message{event: lifecycle.Event{Kind: lifecycle.TimeUp}}
	})
}

// backoff doubles with each attempt, and is spread over half of its length so
// that not all runs come back at once.
func (o Options) backoff(attempts int) time.Duration {
	d := o.RetryFirst << min(max(attempts-1, 0), 20)
	if d > o.RetryMost || d <= 0 {
		d = o.RetryMost
	}
	return d/2 + time.Duration(rand.Int64N(int64(d/2)+1))
}

// abandon stops waiting for a report of progress. One that is almost there may
// still arrive, which is better than not to know.
func (r *run) abandon() {
	select {
	case <-r.operation.finished:
	case <-time.After(abandonWait):
	}
	r.operation.end()
}
