package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
)

// enter waits for a place among those that call the server; false: ctx ended.
func enter(ctx context.Context, places chan struct{}) bool {
	select {
	case places <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// calling runs f as the operation, with bounded time and company. A first
// delivery goes ahead of everything.
func (r *run) calling(limit time.Duration, lost lifecycle.Event, f func(context.Context) message) {
	places := r.w.calls
	switch {
	case r.state.State == lifecycle.Delivering && (r.state.Attempts > 0 || r.resumed):
		places = r.w.repeats
	case !unowned(r.state.State):
		places = nil
	}
	r.start(func(ctx context.Context) message {
		if places != nil {
			if !enter(ctx, places) {
				return message{event: lost}
			}
			defer func() { <-places }()
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return f(ctx)
	})
}

func (r *run) read() {
	glimpse := r.glimpse
	r.glimpse = nil
	r.calling(r.claimLimit(), unreadable, func(ctx context.Context) message {
		if glimpse != nil {
			if m := <-glimpse; m.failure == nil && time.Since(m.begun) < freshFor {
				return m
			}
		}
		return r.look(ctx)
	})
}

// look reads what the server has.
func (r *run) look(ctx context.Context) message {
	begun := time.Now()
	result, found, err := r.w.o.Server.Result(ctx, r.id)
	if err != nil {
		return message{event: unreadable, failure: fmt.Errorf("reading the result: %w", err)}
	}
	return message{event: lifecycle.Event{Kind: lifecycle.DidRead, Seen: see(result, found, r.claim)}, seen: &result, begun: begun}
}

var unreadable = lifecycle.Event{Kind: lifecycle.DidRead, Seen: lifecycle.Unreadable}

// freshFor is how long a glimpse counts.
const freshFor = time.Second

// peek begins the run's first read while the request is made durable: reading
// changes nothing, whatever becomes of that. Where others wait it may be long
// until the run's turn comes, so that it reads only then.
func (r *run) peek() {
	if !r.alone {
		return
	}
	select {
	case r.w.calls <- struct{}{}:
	default:
		return
	}
	glimpse := make(chan message, 1)
	r.glimpse = glimpse
	limit := r.claimLimit()
	r.w.actors.Go(func() {
		defer func() { <-r.w.calls }()
		ctx, cancel := context.WithTimeout(r.w.ctx, limit)
		defer cancel()
		glimpse <- r.look(ctx)
	})
}

// claimLimit bounds a call. Where a claim has to settle, claiming must be
// quicker than that: a quarter of it for what is seen to be acted on, half of
// it for the write to arrive.
func (r *run) claimLimit() time.Duration {
	if r.w.o.Settle > 0 && unowned(r.state.State) {
		return min(r.w.o.Call, r.w.o.Settle/2)
	}
	return r.w.o.Call
}

func (r *run) writeClaim() {
	r.claimedAt = r.w.o.Now()
	r.startMS = r.claimedAt.UnixMilli()
	claim := Result{Status: StatusRunning, StartTimeMS: r.startMS, Report: r.claim}
	readAt, settle := r.readAt, r.w.o.Settle
	r.calling(r.claimLimit(), lifecycle.Event{Kind: lifecycle.DidWrite, Answer: lifecycle.Unknown}, func(ctx context.Context) message {
		if settle > 0 && time.Since(readAt) > settle/4 {
			return message{event: lifecycle.Event{Kind: lifecycle.DidWrite, Answer: lifecycle.Stale}}
		}
		return written(r.w.o.Server.Write(ctx, r.id, claim, true))
	})
}

func (r *run) writeProgress() {
	text, changed := r.sink.text(r.w.o.ProgressBudget, r.w.o.Refresh, r.w.o.Now())
	now := Result{Status: StatusRunning, StartTimeMS: r.startMS, DurationMS: r.since(), Report: r.claim + "\n" + text}
	r.calling(r.w.o.Call, lifecycle.Event{Kind: lifecycle.DidWrite, Answer: lifecycle.Unknown}, func(ctx context.Context) message {
		if !changed {
			return written(nil)
		}
		return written(r.w.o.Server.Write(ctx, r.id, now, false))
	})
}

func (r *run) writeResult() {
	if !r.recorded {
		_ = r.recordResult() // it failed before
	}
	result, shrinks := r.result, r.state.Shrinks
	r.calling(r.w.o.Call, lifecycle.Event{Kind: lifecycle.DidWrite, Answer: lifecycle.Unknown}, func(ctx context.Context) message {
		if result == nil {
			end, err := load[ended](r.w, r.id, journal.Ended)
			if err != nil {
				return message{event: lifecycle.Event{Kind: lifecycle.DidWrite, Answer: lifecycle.Unknown}, failure: err}
			}
			result = &end.Result
		}
		return written(r.w.o.Server.Write(ctx, r.id, trim(*result, r.w.o.Budget, shrinks), false))
	})
}

// written says what an answer of Server.Write means.
func written(err error) message {
	answer := lifecycle.Unknown
	switch {
	case err == nil:
		answer = lifecycle.Written
	case errors.Is(err, ErrExists):
		answer = lifecycle.Exists
	case errors.Is(err, ErrImmutable):
		answer = lifecycle.Immutable
	case errors.Is(err, ErrTooLarge):
		answer = lifecycle.TooLarge
	case errors.Is(err, ErrRefused):
		answer = lifecycle.Never
	}
	m := message{event: lifecycle.Event{Kind: lifecycle.DidWrite, Answer: answer}}
	if err != nil {
		m.failure = fmt.Errorf("writing the result: %w", err)
	}
	return m
}

// since is how long the run takes so far, in ms. Where this process has seen it
// begin, a clock that was set meanwhile does not matter.
func (r *run) since() int64 {
	now := r.w.o.Now()
	switch r.startMS {
	case 0:
		return 0
	case r.claimedAt.UnixMilli():
		return now.Sub(r.claimedAt).Milliseconds()
	}
	return max(0, now.UnixMilli()-r.startMS)
}

// maxHolder bounds what is kept of a line that somebody else wrote, in bytes.
const maxHolder = 200

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line[:prefix(line, maxHolder)]
}
