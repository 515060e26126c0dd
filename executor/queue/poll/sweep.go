package poll

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue"
)

// How runs are found to be abandoned.
const (
	// DefaultSweepAfter is the silence after which upstream's sweeper ends a run.
	DefaultSweepAfter = time.Hour
	// DefaultSweepInterval is the pause between two looks.
	DefaultSweepInterval = 5 * time.Minute
	// minSweepAfter is twice the longest silence of an executor that is well:
	// it writes at least every ten minutes.
	minSweepAfter = 20 * time.Minute
	// sweepLookback is how old a request may be whose run is swept.
	sweepLookback = 30 * 24 * time.Hour
	// maxKeptReport bounds what is kept of a run's last report, in bytes.
	maxKeptReport = 256 << 10
)

// The statuses before and after.
const (
	statusRunning = "RUNNING"
	statusAborted = "ABORTED"
)

// Sweep says how to end runs whose executor is gone: RUNNING becomes ABORTED,
// which is final. DataHub's own service for that is not part of the open
// version. Any number of executors may sweep the same pools.
//
// An executor that lives but cannot reach the server for longer than After
// loses its run to this, as it would to upstream's.
type Sweep struct {
	// Write stores a result; *gms.Client's Propose.
	Write func(ctx context.Context, p gms.Proposal) error
	// After is how long a run must not have changed, both by the server's
	// record and while this process looked at it; 0 is DefaultSweepAfter.
	After    time.Duration
	Interval time.Duration // 0 is DefaultSweepInterval
}

func (o Sweep) checked() (*Sweep, error) {
	if o.After == 0 {
		o.After = DefaultSweepAfter
	}
	if o.Interval == 0 {
		o.Interval = DefaultSweepInterval
	}
	switch {
	case o.Write == nil:
		return nil, errors.New("sweeping needs a way to write")
	case o.After < minSweepAfter:
		return nil, fmt.Errorf("sweeping after %s would end runs that are well; %s is the least", o.After, minSweepAfter)
	case o.Interval < minInterval:
		return nil, fmt.Errorf("the sweep interval of %s is less than %s", o.Interval, minInterval)
	}
	return &o, nil
}

// sighting is a state of a RUNNING result, and when it was first seen. Clocks
// of servers jump and differ; what this process has watched is certain.
type sighting struct {
	version  string
	observed time.Time
	since    time.Time
}

// sweep is one pass.
func (s *Source) sweep(ctx context.Context) error {
	now := s.o.Now()
	list, err := s.o.Server.Requests(ctx, gms.RequestQuery{Since: s.o.Server.Time().Add(-sweepLookback), Limit: gms.MaxRequests})
	if err != nil {
		return err
	}
	own := map[string]bool{}
	for _, id := range s.o.Running() {
		own[id] = true
	}
	urns := map[string]bool{}
	for _, r := range list {
		id, err := queue.IDFromURN(r.URN)
		if err == nil && r.Status == statusRunning && !own[id] {
			urns[r.URN] = true
		}
	}
	maps.DeleteFunc(s.stale, func(urn string, _ sighting) bool { return !urns[urn] })
	var problems []error
	for some := range slices.Chunk(slices.Sorted(maps.Keys(urns)), readAtOnce) {
		found, err := s.o.Server.Aspects(ctx, some, gms.InputAspect, gms.ResultAspect)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		for _, urn := range some {
			problems = append(problems, s.judge(ctx, urn, found[urn], now))
		}
	}
	return errors.Join(problems...)
}

// judge ends a run that is abandoned.
func (s *Source) judge(ctx context.Context, urn string, aspects map[string]gms.Aspect, now time.Time) error {
	id, err := queue.IDFromURN(urn)
	if err != nil {
		return err
	}
	request, err := queue.DecodeRequest(id, aspects[gms.InputAspect].Value)
	if err != nil && !errors.Is(err, queue.ErrMalformed) {
		return err
	}
	stored := aspects[gms.ResultAspect]
	var result map[string]json.RawMessage
	var status, report string
	if json.Unmarshal(stored.Value, &result) == nil {
		_ = json.Unmarshal(result["status"], &status) // absent: it is not running
		_ = json.Unmarshal(result["report"], &report)
	}
	if status != statusRunning || stored.LastObserved.IsZero() || !s.filter.Match(request) {
		delete(s.stale, urn)
		return nil
	}
	seen, ok := s.stale[urn]
	if !ok || seen.version != stored.Version || !seen.observed.Equal(stored.LastObserved) {
		s.stale[urn] = sighting{stored.Version, stored.LastObserved, now}
		return nil
	}
	if now.Sub(seen.since) < s.o.Sweep.After || s.o.Server.Time().Sub(stored.LastObserved) < s.o.Sweep.After {
		return nil
	}
	return s.abort(ctx, id, stored, result, report, now)
}

// abort writes the status on the condition that nothing has changed, where the
// server knows conditions.
func (s *Source) abort(ctx context.Context, id string, stored gms.Aspect, result map[string]json.RawMessage, report string, now time.Time) error {
	text := fmt.Sprintf("The executor of this run has not been heard of since %s: it was evicted, crashed or restarted. The run was given up at %s.\n\n",
		stored.LastObserved.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	for name, value := range map[string]string{"status": statusAborted, "report": text + tail(report)} {
		quoted, err := json.Marshal(value)
		if err != nil {
			return err
		}
		result[name] = quoted
	}
	value, err := json.Marshal(result)
	if err != nil {
		return err
	}
	proposal := gms.RunProposal(id, gms.ResultAspect, value)
	if stored.Version != "" {
		proposal.Headers = map[string]string{gms.IfVersionMatch: stored.Version}
	}
	err = s.o.Sweep.Write(ctx, proposal)
	var e *gms.Error
	switch {
	case errors.As(err, &e) && (e.Immutable || e.Exists):
		return nil // it has ended, or lives, or somebody else has swept it
	case err != nil:
		return fmt.Errorf("ending the abandoned run %s: %w", id, err)
	}
	s.o.Log.Warn("ended an abandoned run", "run", id, "last observed", stored.LastObserved)
	return nil
}

// tail is the end of a report, of whole characters.
func tail(report string) string {
	if len(report) <= maxKeptReport {
		return report
	}
	report = report[len(report)-maxKeptReport:]
	for len(report) > 0 && !utf8.RuneStart(report[0]) {
		report = report[1:]
	}
	return report
}
