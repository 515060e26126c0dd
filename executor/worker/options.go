package worker

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

// Defaults of a worker.
const (
	// DefaultTick is how often a changed report of progress is written.
	DefaultTick = 2 * time.Second
	// DefaultRefresh is how often an unchanged one is: DataHub's sweeper takes
	// a run for dead that nobody wrote of for an hour.
	DefaultRefresh = 10 * time.Minute
	// DefaultConfirm is how long a request to the server may be under way
	// after nobody waits for its answer any more.
	DefaultConfirm = 30 * time.Second
	// DefaultCall bounds one call of the server.
	DefaultCall = 30 * time.Second
	// DefaultMaxWaiting bounds the runs that were accepted and have not
	// started; more stay with their source.
	DefaultMaxWaiting = 1000
	// DefaultBudget is what upstream's executor sends at most, in bytes of
	// report and structured report.
	DefaultBudget = 15_368_520
	// DefaultProgressBudget bounds a report of progress, in bytes. It is
	// written every two seconds, so it is far smaller than the last one.
	DefaultProgressBudget = 256 << 10
	// DefaultRetryFirst and DefaultRetryMost bound the time between tries of
	// what failed; it doubles from the one to the other.
	DefaultRetryFirst = 500 * time.Millisecond
	DefaultRetryMost  = time.Minute
)

// Bounds that are not worth an option.
const (
	// maxCalls is how many claims, and how many repeated deliveries, call the
	// server at once: after an outage all want to.
	maxCalls = 16
	// smallRequest is how many bytes of arguments a waiting run keeps in
	// memory; more are read again from the journal.
	smallRequest = 16 << 10
	// maxEarlyKills is how many signals for unknown runs are remembered, in
	// case their request comes later.
	maxEarlyKills = 1000
	// abandonWait is how long the end of a run waits for a report of progress
	// that is being written, so that it need not doubt its fate.
	abandonWait = 20 * time.Millisecond
)

// Journal is what a worker needs of journal.Journal.
type Journal interface {
	Append(journal.Record) error
	Runs() []journal.Run
	Data(id string, s journal.State) (json.RawMessage, error)
}

// Pool is what a worker needs of capacity.Pool.
type Pool interface {
	Acquire(ctx context.Context, w capacity.Weight) (release func(), err error)
}

// Observer is told what happens, for metrics. Its methods are called from many
// goroutines and must be quick; requests come without their arguments.
type Observer interface {
	// Received: a request was taken, for the first time.
	Received(r queue.Request)
	// Refused: the run is not executed here; why says in one line.
	Refused(r queue.Request, why string)
	// Started: the child is about to exist, waited after this process took the run.
	Started(r queue.Request, waited time.Duration)
	// Ended: the run has its status; took is the time since its claim.
	Ended(r queue.Request, status string, took time.Duration)
	// Cancelled: a KILL of a run of this executor was taken.
	Cancelled(r queue.Request)
	// Delivered: the server has the result, late after the run ended; 0 where
	// an earlier process saw that.
	Delivered(r queue.Request, status string, late time.Duration)
	// DeliveryFailed: it did not take it, and will be asked again.
	DeliveryFailed(r queue.Request, err error)
}

// Audit is an entry for the audit trail.
type Audit struct {
	Event string // see the constants
	ID    string // of the run
	Actor string // urn of who asked; "" where unknown
	// Facts are names, digests and statuses, never a secret's value.
	Facts map[string]string
	// Secrets and Refused are those of the run's Outcome, for AuditEnded.
	Secrets map[string]string
	Refused []string
}

// Events of the audit trail.
const (
	AuditAccepted  = "run-accepted"
	AuditDropped   = "run-dropped" // it is somebody else's
	AuditStarted   = "run-started"
	AuditKilled    = "run-killed" // a KILL was taken
	AuditEnded     = "run-ended"
	AuditOverruled = "run-overruled" // somebody else ended it at the server
)

// Options of a worker. Journal, Pool, Server and Runner are required.
type Options struct {
	// Instance and Version go into the claim marker, which everybody reads.
	Instance, Version string

	Journal Journal
	Pool    Pool
	Server  Server
	Runner  Runner

	Audit    func(Audit) error // nil: none
	Observer Observer          // nil: none
	Log      *slog.Logger      // nil: none
	Now      func() time.Time  // nil: time.Now
	// Weight of a run in the pool. nil: the whole pool.
	Weight func(queue.Request) capacity.Weight

	// Settle is how long a claim has to stand before it counts, for servers
	// that cannot create atomically; it must be longer than Call. 0: the server
	// can, or each request reaches one executor only (Kafka).
	Settle time.Duration
	// Timeout ends a run; 0 is none.
	Timeout time.Duration
	// Ephemeral says that the journal goes with the process: Drain ends waiting
	// runs with FAILURE, which would otherwise be left to the next process.
	Ephemeral bool

	// 0 is the default for each of these.
	Tick, Refresh, Confirm, Call time.Duration
	RetryFirst, RetryMost        time.Duration
	Budget, ProgressBudget       int // bytes
	MaxWaiting                   int
}

func (o Options) withDefaults() Options {
	for value, usual := range map[*time.Duration]time.Duration{
		&o.Tick: DefaultTick, &o.Refresh: DefaultRefresh, &o.Confirm: DefaultConfirm, &o.Call: DefaultCall,
		&o.RetryFirst: DefaultRetryFirst, &o.RetryMost: DefaultRetryMost,
	} {
		if *value <= 0 {
			*value = usual
		}
	}
	for value, usual := range map[*int]int{
		&o.Budget: DefaultBudget, &o.ProgressBudget: DefaultProgressBudget, &o.MaxWaiting: DefaultMaxWaiting,
	} {
		if *value <= 0 {
			*value = usual
		}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Audit == nil {
		o.Audit = func(Audit) error { return nil }
	}
	if o.Weight == nil {
		o.Weight = func(queue.Request) capacity.Weight { return capacity.Size }
	}
	return o
}

func (o Options) rules() lifecycle.Rules {
	return lifecycle.Rules{Settle: o.Settle > 0, Ephemeral: o.Ephemeral}
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Received(queue.Request)                         {}
func (nobody) Refused(queue.Request, string)                  {}
func (nobody) Started(queue.Request, time.Duration)           {}
func (nobody) Ended(queue.Request, string, time.Duration)     {}
func (nobody) Cancelled(queue.Request)                        {}
func (nobody) Delivered(queue.Request, string, time.Duration) {}
func (nobody) DeliveryFailed(queue.Request, error)            {}
