package service

import (
	"context"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue"
)

// watched is a source of which metrics are told what was wrong.
type watched struct {
	queue.Source
	s *Service
}

// Run implements queue.Source.
func (w watched) Run(ctx context.Context, h queue.Handler) error {
	return w.Source.Run(ctx, taking{h, w.s})
}

// taking counts the requests that cannot be read, and those that are not taken.
type taking struct {
	queue.Handler
	s *Service
}

// Request implements queue.Handler.
func (t taking) Request(ctx context.Context, r queue.Request) error {
	if r.Problem != "" {
		t.s.metrics.BadItem("malformed")
	}
	err := t.Handler.Request(ctx, r)
	if err != nil && ctx.Err() == nil {
		t.s.metrics.NotTaken(exception(err))
	}
	return err
}

// abort writes what the sweeper decides, and counts it.
func (s *Service) abort(ctx context.Context, p gms.Proposal) error {
	err := s.gms.Propose(ctx, p)
	s.metrics.Sweep("abort", err == nil)
	return err
}
