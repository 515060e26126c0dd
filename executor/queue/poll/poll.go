// Package poll is the source "gms": it asks DataHub's server for execution
// requests, for those who have no Kafka.
//
//	Requests (search) ─► not known, no result, our pool ─► Aspects (primary store) ─► Handler
//
// Search learns of a request late and of its result even later, so it only
// says where to look: what is handed over is what the primary store has, and
// nothing that has a result there. Requests are handed over oldest first. A
// request that the handler took is remembered, so that it is not read again;
// the memory is bounded, and what is forgotten comes again, which a Handler
// must cope with in any case.
//
// Every executor of a pool sees every request. Which one runs it is decided
// when it is claimed, not here.
package poll

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue"
)

// Name is the Name of this source, and what Via says.
const Name = "gms"

// SignalsName is the Name of a source for signals only.
const SignalsName = "signals"

// How the server is asked.
const (
	// DefaultInterval is the pause between two questions for requests.
	DefaultInterval = 10 * time.Second
	// DefaultSignalInterval is that between two for signals; upstream's value.
	DefaultSignalInterval = 2 * time.Second
	// DefaultLookback is how old a request may be. Upstream cancels what has
	// been waiting for longer.
	DefaultLookback = 48 * time.Hour
	// recent is how far most questions look back: far longer than search
	// lags and clocks differ, far shorter than lists are long.
	recent = 15 * time.Minute
	// fullEvery is how often a question looks back as far as Lookback, for
	// what came later than recent allows for. The first one does.
	fullEvery = 5 * time.Minute
	// maxListed bounds a list that is not a full one; the newest are in it.
	maxListed = 1000
	// passTimeout ends one pass, whatever hangs; the next one goes on where
	// it stopped.
	passTimeout = 2 * time.Minute
	// maxPause bounds the pause after failures.
	maxPause = time.Minute
	// minInterval keeps a mistake in a configuration from flooding the server.
	minInterval = time.Millisecond
)

// Server is what is asked; *gms.Client is one.
type Server interface {
	// Requests lists from search, the newest first.
	Requests(ctx context.Context, q gms.RequestQuery) ([]gms.RequestSummary, error)
	// Aspects reads from the primary store, at most gms.MaxBatch urns at once.
	Aspects(ctx context.Context, urns []string, aspects ...string) (map[string]map[string]gms.Aspect, error)
	// Time is the server's clock: how old a request is has to be asked of the
	// clock that dated it, for this host's may be anywhere.
	Time() time.Time
}

// Options of a Source.
type Options struct {
	Server Server
	// Pools are the pools to serve; see queue.Filter.
	Pools []string
	// Running gives the ids of the runs that the handler has and that are not
	// over: those are asked after for signals. Nil: none.
	Running        func() []string
	Interval       time.Duration // 0 is DefaultInterval
	SignalInterval time.Duration // 0 is DefaultSignalInterval
	Lookback       time.Duration // 0 is DefaultLookback
	// SignalsOnly is for those who get requests from elsewhere: a group of
	// Kafka gives a signal to one of its members, which need not be the one
	// that has the run.
	SignalsOnly bool
	// Sweep ends runs that their executors have left; nil: nobody does.
	Sweep *Sweep
	Log   *slog.Logger     // what went wrong and was survived; nil: nowhere
	Now   func() time.Time // nil: time.Now
}

// ErrOptions says that a Source cannot be made of the options.
var ErrOptions = errors.New("unusable settings for polling")

// Source is a queue.Source. It may be run once at a time.
type Source struct {
	o        Options
	filter   queue.Filter
	requests requests
	signals  map[string]digest   // handed over, by run; of the goroutine for signals
	stale    map[string]sighting // of the goroutine that sweeps
	lastPoll atomic.Pointer[time.Time]
}

// New checks the options, all of them at once (ErrOptions), and asks nobody.
func New(o Options) (*Source, error) {
	var problems []error
	if o.Server == nil {
		problems = append(problems, errors.New("no server is given"))
	}
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
		least    time.Duration
	}{
		{"interval", &o.Interval, DefaultInterval, minInterval},
		{"signal interval", &o.SignalInterval, DefaultSignalInterval, minInterval},
		{"lookback", &o.Lookback, DefaultLookback, recent},
	} {
		if *d.value == 0 {
			*d.value = d.fallback
		}
		if *d.value < d.least {
			problems = append(problems, fmt.Errorf("the %s of %s is less than %s", d.name, *d.value, d.least))
		}
	}
	if o.SignalsOnly && o.Sweep != nil {
		problems = append(problems, errors.New("a source for signals only does not sweep"))
	}
	if o.Sweep != nil {
		sweep, err := o.Sweep.checked()
		problems = append(problems, err)
		o.Sweep = sweep
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if o.Running == nil {
		o.Running = func() []string { return nil }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Source{
		o: o, filter: queue.Filter{Pools: o.Pools},
		signals: map[string]digest{}, stale: map[string]sighting{},
	}, nil
}

// Name is "gms", or "signals" for a source of these only.
func (s *Source) Name() string {
	if s.o.SignalsOnly {
		return SignalsName
	}
	return Name
}

// LastPoll is when the server last answered. A source for signals only asks
// nothing while there are no runs.
func (s *Source) LastPoll() time.Time {
	if at := s.lastPoll.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

func (s *Source) answered() {
	now := s.o.Now()
	s.lastPoll.Store(&now)
}

// Run hands over requests and signals until ctx ends. Whatever is wrong with
// the server, it asks again: a token may be replaced, a privilege granted.
func (s *Source) Run(ctx context.Context, h queue.Handler) error {
	var loops sync.WaitGroup
	if !s.o.SignalsOnly {
		loops.Go(func() {
			s.loop(ctx, "requests", s.o.Interval, func(ctx context.Context) error { return s.pollRequests(ctx, h) })
		})
	}
	loops.Go(func() {
		s.loop(ctx, "signals", s.o.SignalInterval, func(ctx context.Context) error { return s.pollSignals(ctx, h) })
	})
	if s.o.Sweep != nil {
		loops.Go(func() { s.loop(ctx, "abandoned runs", s.o.Sweep.Interval, s.sweep) })
	}
	loops.Wait()
	return nil
}

// Check asks for a list and for an aspect that need not exist, and so for the
// privileges to read both;
// a source for signals only needs the second one.
func (s *Source) Check(ctx context.Context) error {
	if !s.o.SignalsOnly {
		if _, err := s.o.Server.Requests(ctx, gms.RequestQuery{Limit: 1}); err != nil {
			return fmt.Errorf("listing execution requests: %w", err)
		}
	}
	if _, err := s.o.Server.Aspects(ctx, []string{queue.URN("executor-check")}, gms.InputAspect, gms.ResultAspect, gms.SignalAspect); err != nil {
		return fmt.Errorf("reading an execution request: %w", err)
	}
	s.answered()
	return nil
}
