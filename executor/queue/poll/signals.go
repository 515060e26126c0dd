package poll

import (
	"context"
	"crypto/sha256"
	"slices"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue"
)

// digest tells one signal to a run from another.
type digest [sha256.Size]byte

// pollSignals is one pass over the runs that the handler has. Each signal is
// handed over once, unless the handler fails.
func (s *Source) pollSignals(ctx context.Context, h queue.Handler) error {
	running := map[string]bool{}
	var urns []string
	for _, id := range s.o.Running() {
		if queue.ValidID(id) && !running[id] {
			running[id] = true
			urns = append(urns, queue.URN(id))
		}
	}
	for id := range s.signals {
		if !running[id] {
			delete(s.signals, id)
		}
	}
	slices.Sort(urns)
	for some := range slices.Chunk(urns, gms.MaxBatch) {
		found, err := s.o.Server.Aspects(ctx, some, gms.SignalAspect)
		if err != nil {
			return err
		}
		s.answered()
		for _, urn := range some {
			aspect, ok := found[urn][gms.SignalAspect]
			if !ok {
				continue
			}
			id, err := queue.IDFromURN(urn)
			if err != nil {
				return err
			}
			sum := digest(sha256.Sum256(aspect.Value))
			if s.signals[id] == sum {
				continue
			}
			if err := s.signal(ctx, h, id, aspect.Value); err != nil {
				return err
			}
			s.signals[id] = sum
		}
	}
	return nil
}
