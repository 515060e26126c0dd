package worker

import (
	"context"
	"errors"

	"github.com/lockforge/lockforge/executor/queue"
)

// Statuses of a run as DataHub stores them. A run without any is waiting.
const (
	StatusRunning   = "RUNNING"
	StatusSuccess   = "SUCCESS"   // the server never changes it again
	StatusFailure   = "FAILURE"   // the server lets it be overwritten
	StatusCancelled = "CANCELLED" // the server never changes it again
)

// What a Server's errors are told apart by, with errors.Is. Every other error
// means that nobody knows whether the write took place: it is tried again.
var (
	// ErrImmutable: the run has a status that the server never changes.
	ErrImmutable = errors.New("the run's result cannot change any more")
	// ErrExists: there is a result already, so none was created.
	ErrExists = errors.New("the run has a result")
	// ErrTooLarge: nothing was written, a smaller result may be.
	ErrTooLarge = errors.New("the result is too large for the server")
	// ErrRefused: the server understood and will not take this result, however
	// often it is asked.
	ErrRefused = errors.New("the server refuses the result")
)

// Why a run's context ends: what context.Cause gives a Runner.
var (
	// ErrKilled: somebody asked for it. Answer with StatusCancelled.
	ErrKilled = errors.New("cancelled by request")
	// ErrTimeout: the run took longer than Options.Timeout.
	ErrTimeout = errors.New("the run took too long")
	// ErrDraining: the executor is going down.
	ErrDraining = errors.New("the executor is going down")
	// ErrOverruled: somebody else ended the run at the server.
	ErrOverruled = errors.New("the run was ended at the server by somebody else")
)

// Server keeps the results of runs (aspect dataHubExecutionRequestResult).
type Server interface {
	// Result reads the primary store, never an index that lags behind.
	Result(ctx context.Context, id string) (Result, bool, error)
	// Write stores r. With create it fails with ErrExists where there is a
	// result already, if the server can tell: see Options.Settle.
	Write(ctx context.Context, id string, r Result, create bool) error
}

// Result of a run, running or ended.
type Result struct {
	Status      string      `json:"status"`
	StartTimeMS int64       `json:"startTimeMs,omitempty"` // Unix milliseconds
	DurationMS  int64       `json:"durationMs,omitempty"`
	Report      string      `json:"report,omitempty"`
	Structured  *Structured `json:"structured,omitempty"`
}

// Structured is the part of a result that a program reads.
type Structured struct {
	Type        string `json:"type"`        // the task's name
	Serialized  string `json:"serialized"`  // a document of ContentType
	ContentType string `json:"contentType"` // "application/json"
}

// Runner executes runs. Its methods are called from many goroutines.
type Runner interface {
	// Prepare judges r while it is being claimed. Nobody may notice: the run
	// may turn out to be somebody else's, and what is returned is never called.
	Prepare(r queue.Request) Execute
	// Sweep kills what an earlier process of this executor left of these runs,
	// and removes their scratch directories. It is called before any Run.
	Sweep(ctx context.Context, left []Orphan) error
}

// Execute executes a run and returns when nothing of it is left. When ctx ends
// it stops what it started; context.Cause(ctx) is one of ErrKilled, ErrTimeout,
// ErrDraining and ErrOverruled. It must call s.Starting before anything that
// should happen once per run.
type Execute func(ctx context.Context, s Sink) Outcome

// Orphan is a run that a process of this executor started and did not end.
type Orphan struct {
	ID string
	// PID and StartTime are what Sink.Started was told; 0 where the process
	// went before that.
	PID       int
	StartTime uint64
}

// Sink takes what a Runner has to say about a run on its way.
type Sink interface {
	// Starting makes the start durable; call it when all checks are done, and
	// before the child exists. After an error no child may be started: return
	// an Outcome. A run whose Starting returned nil is never started again.
	// Do not return an Outcome before it has returned.
	Starting() error
	// Started tells the child's process id and its start time (field 22 of
	// /proc/pid/stat, clock ticks since boot), by which Sweep knows it.
	Started(pid int, startTime uint64)
	// Progress tells where the current text of the report is to be had.
	// render returns at most limit bytes and may be called from another
	// goroutine until Run returns.
	Progress(render func(limit int) string)
}

// Outcome of a run.
type Outcome struct {
	// Status is StatusSuccess, StatusFailure or StatusCancelled. What was
	// stopped because of ErrTimeout or ErrDraining is told from the context's
	// cause: Status may be StatusCancelled then as well, and FAILURE is reported.
	Status string
	// Reason says in one masked line why it is not SUCCESS.
	Reason string
	// Report returns the final text and the structured report, or nil where
	// there is none. Encoded as a JSON string each, they take at most limit
	// bytes together. It is called once, after Run returned. nil: Reason is all.
	Report func(limit int) (text string, structured []byte)
	// Facts are added to the audit record of the run's end: digests and names,
	// never a secret's value.
	Facts map[string]string
	// Secrets are the names of the secrets that the run was given, each with
	// the id of the store that had it.
	Secrets map[string]string
	// Refused are the kinds of reasons for which the request may not run.
	Refused []string
}
