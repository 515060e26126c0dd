package poll

import (
	"context"
	"time"

	"github.com/lockforge/lockforge/executor/queue"
)

// Passes of a Source, one at a time and without pauses.

func (s *Source) PollRequests(ctx context.Context, h queue.Handler) error {
	return s.pollRequests(ctx, h)
}

func (s *Source) PollSignals(ctx context.Context, h queue.Handler) error {
	return s.pollSignals(ctx, h)
}

func (s *Source) SweepOnce(ctx context.Context) error { return s.sweep(ctx) }

// Pause is the time to the next pass.
func Pause(interval time.Duration, failures int, err error) time.Duration {
	return pause(interval, failures, err)
}

// Bounds that tests go beyond.
const (
	MaxGeneration = maxGeneration
	MaxPause      = maxPause
	MaxKept       = maxKeptReport
)

// Memory is what a Source remembers.
type Memory struct{ m memory }

func (m *Memory) Knows(id string, now time.Time) bool { return m.m.knows(id, now) }
func (m *Memory) Keep(id string, until time.Time)     { m.m.keep(id, until) }
func (m *Memory) Len() int                            { return len(m.m.young) + len(m.m.old) }
