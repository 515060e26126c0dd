package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lockforge/lockforge/executor/audit"
	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/gms/auth"
	"github.com/lockforge/lockforge/executor/health"
	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/metrics"
	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/poll"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/results"
	"github.com/lockforge/lockforge/executor/sandbox"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
	"github.com/lockforge/lockforge/executor/trace"
	"github.com/lockforge/lockforge/executor/worker"
)

// auditDelay is how long the audit trail may keep what has happened from the
// disk. A power failure may lose that much; the journal still knows of the runs.
const auditDelay = 100 * time.Millisecond

// Host is what a service sees of the process that it runs in.
type Host struct {
	Env      []string
	Hostname string
	// Output gets the executor's own log and the lines of its runs.
	Output io.Writer
}

// Service is an executor.
type Service struct {
	config   *config.Config
	host     Host
	instance string
	build    contract.BuildInfo
	log      *slog.Logger

	trail   *audit.Log // nil: none
	journal *journal.Journal
	auth    auth.Source
	gms     *gms.Client
	once    *gms.Client // without repetitions: the worker has its own
	pool    *capacity.Pool
	secrets []secret.Store
	recipes *recipe.Policy
	runner  *ingestion.Runner
	tracer  *trace.Tracer
	metrics *metrics.Metrics
	watcher *watcher
	worker  *worker.Worker
	sources []queue.Source
	signals *poll.Source     // nil: a source brings all of them
	observe *observe.Service // nil: off

	draining atomic.Bool
	stirred  atomic.Bool    // there was something about a run since keepSmall looked
	passing  atomic.Bool    // there were events since then, of whomever
	closers  []func() error // of what Open opened, in that order
}

// Open makes all parts and asks the server who this executor is. It fails with
// [ErrConfig] for what the configuration or the image lacks, and with
// [ErrAuthentication] where the server does not let the executor in. A server
// that does not answer is no error: it may come back.
func Open(ctx context.Context, c *config.Config, h Host) (*Service, error) {
	s := newService(c, h)
	for _, part := range []func(context.Context) error{
		s.openState, s.openTrail, s.openJournal, s.openServer, s.openTracer,
		s.openRunner, s.openWorker, s.openSources, s.openObserve, s.openMetrics, s.authenticate,
	} {
		if err := part(ctx); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func newService(c *config.Config, h Host) *Service {
	return &Service{config: c, host: h, log: c.Logs.Logger(masked{h.Output, Mask(c)})}
}

// Close gives back what Open took. Call it after Run.
func (s *Service) Close() error {
	var problems []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		problems = append(problems, s.closers[i]())
	}
	s.closers = nil
	return errors.Join(problems...)
}

func (s *Service) openState(context.Context) error {
	if err := os.MkdirAll(s.config.State.Dir, 0o700); err != nil {
		return fmt.Errorf("%w: making the state directory: %w", ErrConfig, err)
	}
	s.instance = s.config.Instance
	if s.instance == "" {
		name, err := config.InstanceID(s.config.State.Dir, s.host.Hostname)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrConfig, err)
		}
		s.instance = name
	}
	// An executor outside of an image has no such file, and nothing needs it.
	s.build, _ = bundle.BuildInfo(contract.BuildInfoPath)
	s.log = s.log.With("instance", s.instance)
	return nil
}

func (s *Service) openTrail(context.Context) error {
	if !s.config.Audit.Enabled {
		return nil
	}
	trail, err := audit.Open(s.config.Audit.Dir, audit.Options{
		Instance: s.instance, Lock: s.build.LockDigest,
		FileBytes: int64(s.config.Audit.FileBytes), Files: s.config.Audit.Files, SyncDelay: auditDelay,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.trail = trail
	s.closers = append(s.closers, trail.Close)
	for _, f := range trail.Findings() {
		s.log.Error("the audit trail was tampered with", "finding", f.String())
	}
	s.tellHead()
	return s.trail.Record(audit.ConfigLoaded("environment and file", digestOf(s.config.String())))
}

// tellHead leaves the end of the trail in the log, which is kept elsewhere: see
// audit.Log's Head.
func (s *Service) tellHead() {
	if s.trail != nil {
		s.log.Info("audit trail", "head", s.trail.Head().String())
	}
}

func (s *Service) openJournal(context.Context) error {
	j, err := journal.Open(s.config.State.Journal(), journal.Options{
		Keep: s.config.State.Keep, KeepIDs: s.config.State.KeepIDs,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.journal = j
	s.closers = append(s.closers, j.Close)
	for _, torn := range j.Report().Torn {
		s.log.Warn("an unfinished record at the end of the journal is gone; nobody was told of it", "at", torn)
	}
	return nil
}

func (s *Service) openTracer(ctx context.Context) error {
	t := s.config.Trace
	if t.Disabled {
		t.Endpoint = ""
	}
	tracer, err := trace.New(ctx, trace.Options{
		Endpoint: t.Endpoint, Headers: t.Headers, Timeout: t.Timeout, Service: t.Service,
		Version: s.build.ToolVersion, Instance: s.instance, Ratio: t.Ratio, Log: s.log,
	})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	s.tracer = tracer
	s.closers = append(s.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), trace.DefaultTimeout)
		defer cancel()
		return tracer.Close(ctx)
	})
	return nil
}

func (s *Service) openWorker(context.Context) (err error) {
	s.pool = capacity.New(capacity.Options{Workers: s.config.Capacity.Workers, Overtakes: s.config.Capacity.Overtake})
	s.watcher = newWatcher(s)
	s.worker, err = worker.New(worker.Options{
		Instance: s.instance, Version: s.build.CLIVersion,
		Journal: s.journal, Pool: s.pool, Runner: s.runner,
		Server: results.Server{Client: s.once, MaxBytes: int(s.config.GMS.PayloadBytes)},
		Audit:  s.watcher.audit, Observer: s.watcher, Log: s.log,
		Weight: s.weight, Settle: s.settle(), Timeout: s.config.Limits.Timeout,
		Budget: int(s.config.GMS.PayloadBytes), Ephemeral: s.config.State.Ephemeral,
	})
	return err
}

// Run serves until ctx ends, and then drains: it takes no more requests, gives
// running ones their time, and delivers results. What is left after that is in
// the journal.
func (s *Service) Run(ctx context.Context) error {
	if err := task.Supervise(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	sandbox.Bind(s.sandbox())
	if err := s.recover(ctx); err != nil {
		return err
	}
	s.log.Info("serving", "pools", s.config.Pools, "sources", s.config.Sources, "workers", s.config.Capacity.Workers, "cli", s.build.CLIVersion)

	// What shows the state goes on while the executor drains.
	shown, hide := context.WithCancel(context.WithoutCancel(ctx))
	intake, stop := context.WithCancel(ctx)
	defer hide()
	defer stop()
	var takers, showers sync.WaitGroup
	failed := make(chan error, len(s.sources)+8)
	start := func(group *sync.WaitGroup, ctx context.Context, name string, run func(context.Context) error) {
		group.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	for _, source := range s.sources {
		start(&takers, intake, "source "+source.Name(), func(ctx context.Context) error { return source.Run(ctx, s.worker) })
	}
	if s.signals != nil {
		start(&takers, intake, "signals", func(ctx context.Context) error { return s.signals.Run(ctx, s.worker) })
	}
	if s.observe != nil {
		start(&takers, intake, "observing", s.observe.Run)
	}
	start(&takers, intake, "collecting logs", s.collectLogs)
	start(&takers, intake, "keeping small", s.keepSmall)
	for name, show := range s.shows() {
		start(&showers, shown, name, show)
	}

	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		s.log.Error("a part of the executor ended", "error", err)
	}
	stop()
	err = errors.Join(err, s.drain(ctx))
	takers.Wait()
	hide()
	showers.Wait()
	s.tellHead()
	return err
}

// shows are what tells of the executor's state.
func (s *Service) shows() map[string]func(context.Context) error {
	shows := map[string]func(context.Context) error{
		"heartbeats": s.beat().Run,
	}
	listener, err := metrics.Listen(s.config.Metrics.Address())
	switch {
	case err != nil:
		// A port that is taken must not end runs.
		s.log.Error("metrics are not served", "error", err)
	case listener != nil:
		shows["metrics"] = func(ctx context.Context) error { return s.metrics.Serve(ctx, listener) }
	}
	if !s.config.Metrics.PushDisabled {
		shows["pushing metrics"] = func(ctx context.Context) error {
			return s.metrics.Push(ctx, metrics.Push{
				Server: s.config.GMS.URL, Path: s.config.Metrics.PushPath, Instance: s.instance,
				Interval: s.config.Metrics.PushInterval, Header: s.auth.Header, Log: s.log,
			})
		}
	}
	return shows
}

// collectLogs removes old logs every now and then.
func (s *Service) collectLogs(ctx context.Context) error {
	if !s.config.Logs.GC {
		<-ctx.Done()
		return nil
	}
	for {
		collected, err := s.runner.Collect()
		if err != nil {
			s.log.Error("removing old logs", "error", err)
		}
		if collected.Runs > 0 {
			s.log.Info("old logs removed", "runs", collected.Runs, "bytes", collected.Bytes)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(s.config.Logs.GCInterval):
		}
	}
}

// beat are the heartbeats that container probes look at.
func (s *Service) beat() health.Beat {
	busy := func() bool { return s.worker.Stats().Running > 0 }
	polls := health.Polls{Started: time.Now(), Busy: busy}
	for _, source := range s.sources {
		polls.Sources = append(polls.Sources, source)
	}
	// After this only a new process helps; runs that go on may end first.
	live := func() error {
		if failed := s.journal.Stats().Failed; failed != nil && !busy() {
			return fmt.Errorf("the journal failed: %w", failed)
		}
		return polls.Holds()
	}
	ready := func() error {
		switch stats := s.journal.Stats(); {
		case s.draining.Load():
			return errors.New("the executor takes no more runs")
		case stats.Failed != nil:
			return fmt.Errorf("the journal failed: %w", stats.Failed)
		case stats.Full:
			return errors.New("the journal is full")
		}
		return nil
	}
	return health.Beat{
		Interval: s.config.Health.Interval,
		Log:      s.log,
		Signs: []health.Sign{
			{Name: "liveness", File: s.config.Health.Liveness, Holds: live},
			{Name: "readiness", File: s.config.Health.Readiness, Holds: ready},
		},
	}
}
