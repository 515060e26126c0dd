package service

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/worker"
)

// drain ends the worker in good order.
func (s *Service) drain(ctx context.Context) error {
	s.draining.Store(true)
	running := s.worker.Stats().Running
	s.log.Info("draining", "running", running, "wait", s.config.Drain.Wait)
	s.record(audit.Drain("told to end", running))
	limit := s.config.Drain.Wait + s.config.Limits.Grace + s.config.Drain.Grace
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	// Results that the server does not take now are delivered after the next
	// start: no fault of this end.
	left, _ := errors.AsType[*worker.LeftError](s.worker.Drain(ctx, s.config.Drain.Wait))
	s.tellLeft(left)
	return nil
}

// namedRuns bounds the runs of each kind that tellLeft names.
const namedRuns = 10

// tellLeft logs what is not done, and who will do it.
func (s *Service) tellLeft(left *worker.LeftError) {
	waiting, undelivered := s.leftRuns(left)
	if len(waiting)+len(undelivered) == 0 {
		s.log.Info("drained")
		return
	}
	next := "the next executor with this state directory goes on with them"
	if s.config.State.Ephemeral {
		next = "they are lost if the state directory goes with this executor, as its configuration says; " +
			"the server goes on showing them as it does now"
	}
	s.log.Warn("drained; not everything is done", "waiting", len(waiting), "undelivered", len(undelivered),
		"waiting_runs", some(waiting), "undelivered_runs", some(undelivered), "state", s.config.State.Dir, "next", next)
}

// leftRuns are the runs that have not started, and those whose result the
// server does not have, by id. The journal also has those whose result the
// server took, and which only wait for a last look at it.
func (s *Service) leftRuns(left *worker.LeftError) (waiting, undelivered []string) {
	for _, run := range s.journal.Runs() {
		switch run.State {
		case journal.Accepted:
			waiting = append(waiting, run.ID)
		case journal.Starting, journal.Started, journal.Ended:
			if left != nil && slices.Contains(left.Runs, run.ID) {
				undelivered = append(undelivered, run.ID)
			}
		}
	}
	slices.Sort(waiting)
	slices.Sort(undelivered)
	return waiting, undelivered
}

func some(ids []string) string {
	if len(ids) > namedRuns {
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:namedRuns], " "), len(ids)-namedRuns)
	}
	return strings.Join(ids, " ")
}
