package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

const (
	// starts is how often an executor is started: a start takes less time than
	// the noise of a machine.
	starts = 5
	// settleTime is how long after its start or its last run an executor counts
	// as idle: ours gives back what these needed within six seconds.
	settleTime = 8 * time.Second
)

// measureStart takes the time from an executor's start until it asks for
// requests, and its memory when it has done a run and has nothing to do. Ours
// polls GMS for the first of the two, which can be seen from outside.
func measureStart(ctx context.Context, w *world, r *results) error {
	for range starts {
		asks := w.expect(func(x exchange) bool { return strings.Contains(x.Body, "listExecutionRequests") })
		p, err := w.launch(fromGMS, nil)
		if err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, startLimit)
		x, err := asks(limited)
		cancel()
		p.stop()
		if err != nil {
			return fmt.Errorf("waiting for the executor's first question: %w\n%s", err, p.log())
		}
		r.Ready = append(r.Ready, seconds(x.At.Sub(p.began)))
	}
	ours, err := w.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer ours.stop()
	for range 2 { // the first start fills the page cache
		theirs, err := w.serveOther(ctx)
		if err != nil {
			return err
		}
		r.OtherReady = append(r.OtherReady, seconds(theirs.ready))
		pause(ctx, settleTime)
		r.OtherIdle = append(r.OtherIdle, theirs.rss())
		theirs.stop()
	}
	for range 5 {
		pause(ctx, time.Second)
		r.Idle = append(r.Idle, ours.rss())
	}
	return ctx.Err()
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func seconds(d time.Duration) float64 { return d.Seconds() }

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
