package poll

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

// loop repeats pass until ctx ends, at first at once, then after the interval,
// and after longer pauses while it fails.
func (s *Source) loop(ctx context.Context, what string, interval time.Duration, pass func(context.Context) error) {
	failures := 0
	for ctx.Err() == nil {
		err := s.once(ctx, pass)
		if ctx.Err() != nil {
			return
		}
		switch {
		case err != nil:
			failures++
			s.o.Log.Warn("polling "+what, "error", err, "failures", failures)
		case failures > 0:
			s.o.Log.Info("polling "+what+" works again", "failures", failures)
			failures = 0
		}
		timer := time.NewTimer(pause(interval, failures, err))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

func (s *Source) once(ctx context.Context, pass func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, passTimeout)
	defer cancel()
	return pass(ctx)
}

// pause is the time to the next pass: after failures the doubled interval, or
// what the server asks for, up to maxPause; a tenth more or less, lest the
// executors of a pool ask in step.
func pause(interval time.Duration, failures int, err error) time.Duration {
	wait := interval
	for range failures {
		if wait >= maxPause {
			break
		}
		wait *= 2
	}
	if failures > 0 {
		var e *gms.Error
		if errors.As(err, &e) {
			wait = max(wait, e.RetryAfter)
		}
		wait = max(interval, min(wait, maxPause))
	}
	return wait + rand.N(wait/5+1) - wait/10
}
