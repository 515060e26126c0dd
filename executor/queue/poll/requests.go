package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue"
)

// readAtOnce is how many requests one read is for. A recipe has 16 MiB at
// most, but few have more than some KiB.
const readAtOnce = 20

// unreadableFor is how long a request is left alone that the server cannot
// give: the others must not wait for it.
const unreadableFor = fullEvery

// absentFor is how long a request is left alone that search has and the store
// has not: it may be one that was deleted.
const absentFor = time.Minute

// requests is the state of the goroutine that asks for requests.
type requests struct {
	seen     memory
	lastFull time.Time // when a list last went back all the way; zero: never
}

// pollRequests is one pass.
func (s *Source) pollRequests(ctx context.Context, h queue.Handler) error {
	now := s.o.Now()
	theirs := s.o.Server.Time()
	query := gms.RequestQuery{Since: theirs.Add(-recent), Limit: maxListed}
	since := now.Sub(s.requests.lastFull)
	full := s.requests.lastFull.IsZero() || since >= fullEvery || since < 0
	if full {
		query = gms.RequestQuery{Since: theirs.Add(-s.o.Lookback), Limit: gms.MaxRequests}
	}
	list, err := s.o.Server.Requests(ctx, query)
	if err != nil {
		return err
	}
	s.answered()
	if full && len(list) >= query.Limit {
		s.o.Log.Warn("there are more execution requests than can be listed; old ones may be missed", "limit", query.Limit, "since", query.Since)
	}
	for urns := range slices.Chunk(s.candidates(list, now), readAtOnce) {
		if err := s.read(ctx, h, urns); err != nil {
			return err
		}
	}
	// Before its first answer the server's clock is not known: then this may
	// have been a list of nothing.
	if full && s.o.Server.Time().Sub(theirs).Abs() < recent {
		s.requests.lastFull = now
	}
	return nil
}

// candidates are the urns of a list worth a look at the primary store, the
// oldest first.
func (s *Source) candidates(list []gms.RequestSummary, now time.Time) []string {
	slices.SortStableFunc(list, func(a, b gms.RequestSummary) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.URN, b.URN))
	})
	var urns []string
	listed := map[string]bool{} // pages shift while they are read
	for _, r := range list {
		id, err := queue.IDFromURN(r.URN)
		switch {
		case listed[r.URN]:
		case err != nil:
			if name := fmt.Sprintf("%.200q", r.URN); !s.requests.seen.knows(name, now) {
				s.requests.seen.keep(name, time.Time{})
				s.o.Log.Warn("passing over an execution request", "error", err)
			}
		case r.Status != "" || s.requests.seen.knows(id, now):
		case !s.filter.Match(queue.Request{Pool: cmp.Or(r.Pool, queue.DefaultPool)}):
		default:
			urns = append(urns, r.URN)
			listed[r.URN] = true
		}
	}
	return urns
}

// read looks at the primary store and hands over what is to be done. Where the
// server gives no sensible answer for some together, it is asked for fewer.
func (s *Source) read(ctx context.Context, h queue.Handler, urns []string) error {
	found, err := s.o.Server.Aspects(ctx, urns, gms.InputAspect, gms.ResultAspect, gms.SignalAspect)
	switch {
	case err == nil:
		s.answered()
	case !unreadable(err):
		return err
	case len(urns) > 1:
		half := len(urns) / 2
		if err := s.read(ctx, h, urns[:half]); err != nil {
			return err
		}
		return s.read(ctx, h, urns[half:])
	default:
		id, _ := queue.IDFromURN(urns[0]) // candidates took it
		s.requests.seen.keep(id, s.o.Now().Add(unreadableFor))
		s.o.Log.Warn("leaving an execution request that cannot be read", "run", id, "error", err)
		return nil
	}
	for _, urn := range urns {
		if err := s.hand(ctx, h, urn, found[urn]); err != nil {
			return err
		}
	}
	return nil
}

// unreadable tells answers that are about what was asked for from those that
// any question would have got.
func unreadable(err error) bool {
	kind := gms.KindOf(err)
	return kind == gms.Protocol || kind == gms.TooLarge || kind == gms.Rejected
}

// hand gives one request to the handler, with the signal that waits for it,
// unless it is not to be run.
func (s *Source) hand(ctx context.Context, h queue.Handler, urn string, aspects map[string]gms.Aspect) error {
	id, err := queue.IDFromURN(urn)
	if err != nil {
		return err
	}
	input, ok := aspects[gms.InputAspect]
	if !ok {
		s.requests.seen.keep(id, s.o.Now().Add(absentFor))
		return nil
	}
	if _, over := aspects[gms.ResultAspect]; over {
		s.requests.seen.keep(id, time.Time{})
		return nil
	}
	// What is malformed has a Problem, and is to be answered all the same.
	request, err := queue.DecodeRequest(id, input.Value)
	if err != nil && !errors.Is(err, queue.ErrMalformed) {
		return err
	}
	request.Via = Name
	if !s.filter.Match(request) {
		s.requests.seen.keep(id, time.Time{})
		return nil
	}
	if err := h.Request(ctx, request); err != nil {
		return fmt.Errorf("handing over run %s: %w", id, err)
	}
	s.requests.seen.keep(id, time.Time{})
	if signal, ok := aspects[gms.SignalAspect]; ok {
		return s.signal(ctx, h, id, signal.Value)
	}
	return nil
}

// signal hands over a signal; what is none is passed over.
func (s *Source) signal(ctx context.Context, h queue.Handler, id string, aspect []byte) error {
	signal, err := queue.DecodeSignal(id, aspect)
	if err != nil {
		s.o.Log.Warn("passing over a signal", "run", id, "error", err)
		return nil
	}
	signal.Via = Name
	if !s.filter.MatchSignal(signal) {
		return nil
	}
	if err := h.Signal(ctx, signal); err != nil {
		return fmt.Errorf("handing over a signal to run %s: %w", id, err)
	}
	return nil
}
