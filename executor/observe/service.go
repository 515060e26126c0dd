package observe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

const (
	// DefaultWorkers is how many monitors are evaluated at a time, as upstream
	// does; runs of ingestion are not counted.
	DefaultWorkers = 10
	// longestWait is how often the clock is looked at, and results that wait
	// for GMS are sent again.
	longestWait = time.Minute
	// deliverTime bounds one attempt to bring events to GMS.
	deliverTime = time.Minute
)

// Options say how the monitors of a file are kept.
type Options struct {
	File      *File
	Server    Server
	Warehouse Warehouse // nil: monitors of kind sql end in ERROR
	// Dir is where states are kept; it is made if absent.
	Dir     string
	Workers int // 0 is DefaultWorkers
	// Timeout bounds the statements of monitors that have no timeout, by the
	// source type of their connection; nil is DefaultTimeout for all.
	Timeout func(source string) time.Duration
	Now     func() time.Time // nil is time.Now
	// Observed hears of every evaluation, and of trouble with its state or its
	// delivery; nil is nobody. It is called from several goroutines.
	Observed func(Observation)
}

// Observation is one evaluation.
type Observation struct {
	Monitor Monitor
	Result  Result
	Took    time.Duration
	// Err says that the result could not be kept or sent. It is sent again
	// as long as this process runs, and by the next.
	Err error
	// Skipped says that the monitor was due while it was still at work.
	Skipped bool
}

// Service evaluates monitors when they are due.
type Service struct {
	o       Options
	e       evaluator
	history history
	slots   chan struct{}
	entries []*entry
	started sync.WaitGroup
}

// entry is a monitor in service.
type entry struct {
	m       Monitor
	next    time.Time
	busy    atomic.Bool
	waiting atomic.Bool // results of it wait for GMS
}

// New makes the directory of states.
func New(o Options) (*Service, error) {
	if o.File == nil || o.Server == nil || o.Dir == "" {
		return nil, errors.New("observing needs a file of monitors, a server and a directory for states")
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the directory of states: %w", err)
	}
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observed == nil {
		o.Observed = func(Observation) {}
	}
	if o.Timeout == nil {
		o.Timeout = func(string) time.Duration { return DefaultTimeout }
	}
	s := &Service{
		o: o, e: evaluator{server: o.Server, warehouse: o.Warehouse, file: o.File, timeout: o.Timeout},
		history: history{o.Dir}, slots: make(chan struct{}, o.Workers),
	}
	for _, m := range o.File.Monitors {
		e := &entry{m: m}
		e.waiting.Store(true) // perhaps: an earlier process may have left some
		s.entries = append(s.entries, e)
	}
	return s, nil
}

// Run evaluates monitors until ctx ends, and returns when the last has ended:
// statements in a warehouse are stopped then. A time that passed while the
// process did not run, or slept, is not made up for.
func (s *Service) Run(ctx context.Context) error {
	defer s.started.Wait()
	if len(s.entries) == 0 {
		<-ctx.Done()
		return nil
	}
	now := s.o.Now()
	for _, e := range s.entries {
		e.next = e.m.Schedule.Next(now)
	}
	resent := now
	for {
		first := slices.MinFunc(s.entries, func(a, b *entry) int { return a.next.Compare(b.next) })
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(first.next.Sub(s.o.Now()), 0), longestWait)):
		}
		now = s.o.Now()
		s.due(ctx, now)
		if now.Sub(resent).Abs() >= longestWait {
			resent = now
			s.resendAll(ctx)
		}
	}
}

// due starts the checks that are due.
func (s *Service) due(ctx context.Context, now time.Time) {
	for _, e := range s.entries {
		switch next := e.m.Schedule.Next(now); {
		case !e.next.After(now):
			e.next = next
			if !s.start(ctx, e, s.check) {
				s.o.Observed(Observation{Monitor: e.m, Skipped: true})
			}
		case next.Before(e.next): // the clock was set back
			e.next = next
		}
	}
}

// resendAll sends what waits.
func (s *Service) resendAll(ctx context.Context) {
	for _, e := range s.entries {
		if e.waiting.Load() {
			s.start(ctx, e, s.resend)
		}
	}
}

// start does one thing for a monitor, unless it is at another. do returns
// whether results wait for GMS after it.
func (s *Service) start(ctx context.Context, e *entry, do func(context.Context, Monitor) bool) bool {
	if !e.busy.CompareAndSwap(false, true) {
		return false
	}
	s.started.Go(func() {
		defer e.busy.Store(false)
		select {
		case s.slots <- struct{}{}:
			defer func() { <-s.slots }()
			e.waiting.Store(do(ctx, e.m))
		case <-ctx.Done():
		}
	})
	return true
}

// check evaluates one monitor, remembers and reports the result.
func (s *Service) check(ctx context.Context, m Monitor) (waiting bool) {
	at := s.o.Now()
	before, problem := s.history.read(m, s.o.File.Connections[m.Connection])
	r := s.e.evaluate(ctx, m, at, before)
	if ctx.Err() != nil {
		return true // half of a result is none
	}
	after := before
	if r.Verdict != Broke {
		after.Checked, after.Value = at.UnixMilli(), r.Value
	}
	if !m.Passive {
		after.Pending = append(slices.Clone(before.Pending), event(m, r, at))
		after.Pending = after.Pending[max(0, len(after.Pending)-maxPending):]
	}
	// What is not written before it is sent would be forgotten by a crash;
	// what is sent twice is one event, as it has the same time.
	problem = errors.Join(problem, s.history.write(after))
	waiting, err := s.deliver(ctx, after)
	s.o.Observed(Observation{Monitor: m, Result: r, Took: s.o.Now().Sub(at), Err: errors.Join(problem, err)})
	return waiting
}

// resend sends what waits, without a new evaluation.
func (s *Service) resend(ctx context.Context, m Monitor) (waiting bool) {
	before, problem := s.history.read(m, s.o.File.Connections[m.Connection])
	waiting, err := s.deliver(ctx, before)
	if err = errors.Join(problem, err); err != nil {
		s.o.Observed(Observation{Monitor: m, Err: err})
	}
	return waiting
}

// deliver sends the pending events in order and forgets those that GMS took or
// will never take.
func (s *Service) deliver(ctx context.Context, of state) (waiting bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, deliverTime)
	defer cancel()
	var problems []error
	left := of.Pending
	for len(left) > 0 {
		err := s.propose(ctx, of.Assertion, left[0])
		if err != nil {
			problems = append(problems, fmt.Errorf("sending a result of %s: %w", of.Assertion, err))
		}
		if kind := gms.KindOf(err); err != nil && kind != gms.Rejected && kind != gms.TooLarge {
			break // later perhaps
		}
		left = left[1:]
	}
	if len(left) < len(of.Pending) {
		of.Pending = left
		problems = append(problems, s.history.write(of))
	}
	return len(left) > 0, errors.Join(problems...)
}

func (s *Service) propose(ctx context.Context, assertion string, event json.RawMessage) error {
	var run struct {
		ID string `json:"runId"`
	}
	if err := json.Unmarshal(event, &run); err != nil {
		return &gms.Error{Kind: gms.Rejected, Op: "reading a result that waited", Detail: "it is damaged"}
	}
	return s.o.Server.Propose(ctx, proposal(assertion, event, run.ID))
}
