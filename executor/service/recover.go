package service

import (
	"context"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/journal"
)

// recover goes on with what an earlier process left, and leaves a record of
// that where there was anything.
func (s *Service) recover(ctx context.Context) error {
	left := s.left()
	if err := s.worker.Recover(ctx); err != nil {
		return err
	}
	if left != (audit.Recovered{}) {
		s.record(audit.Recovery(left))
	}
	return nil
}

// left counts the runs of the journal, and names what is damaged in it and in
// the trail.
func (s *Service) left() (r audit.Recovered) {
	for _, run := range s.journal.Runs() {
		switch run.State {
		case journal.Accepted:
			r.Requeued++
		case journal.Starting, journal.Started:
			r.Orphans++
		case journal.Ended:
			r.Ended++
		}
	}
	var damage []string
	for _, torn := range s.journal.Report().Torn {
		damage = append(damage, fmt.Sprintf("journal: unfinished record at offset %d: %s", torn.Offset, torn.Reason))
	}
	if s.trail != nil {
		for _, f := range s.trail.Findings() {
			damage = append(damage, "audit trail: "+f.String())
		}
	}
	r.Reason = strings.Join(damage, "; ")
	return r
}
