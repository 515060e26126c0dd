// Package queue is where tasks come from: what a request and a signal are, how
// they are read from DataHub's aspects, and what a source of them promises.
//
//	Kafka or GMS polling ─► Source ─► Filter ─► Handler: journal.Append ─► the source acknowledges
//
// A source delivers at least once: after a crash, a rebalance or an error of
// the handler the same request comes again, so a Handler knows what it took.
package queue

import (
	"context"
	"time"
)

// Tasks that an executor knows. Others are handed over as well, to be answered
// with FAILURE.
const (
	RunIngest      = "RUN_INGEST"
	TestConnection = "TEST_CONNECTION"
)

// Kill is the one signal that DataHub sends.
const Kill = "KILL"

// DefaultPool is the pool of a request that names none.
const DefaultPool = "default"

// Request asks for one run (aspect dataHubExecutionRequestInput).
type Request struct {
	// ID is the run's id, the last part of its urn. ValidID holds.
	ID string `json:"id"`
	// Task is RunIngest, TestConnection or something unknown.
	Task string `json:"task,omitempty"`
	// Pool is "executorId" of the aspect; DefaultPool when absent.
	Pool string `json:"pool"`
	// Args as sent: nested JSON stays text.
	Args map[string]string `json:"args,omitempty"`
	// Origin is "source.type": MANUAL_INGESTION_SOURCE, SCHEDULED_INGESTION_SOURCE…
	Origin string `json:"origin,omitempty"`
	// IngestionSource and Actor are urns; "" when absent.
	IngestionSource string `json:"ingestionSource,omitempty"`
	Actor           string `json:"actor,omitempty"`
	// RequestedAt is in Unix milliseconds; 0 when absent.
	RequestedAt int64 `json:"requestedAt,omitempty"`
	// Attempts counts earlier tries of the same work, as the server does.
	Attempts int `json:"attempts,omitempty"`
	// Via is the Name of the Source.
	Via string `json:"via,omitempty"`
	// Problem says why the request cannot be run: it is to be answered with
	// FAILURE and this reason. The other fields hold what could be read.
	Problem string `json:"problem,omitempty"`
}

// Signal asks for something to be done to a run (aspect
// dataHubExecutionRequestSignal).
type Signal struct {
	ID string `json:"id"`
	// Name is Kill or something unknown.
	Name string `json:"name"`
	// Pool is that of the ingestion source now, not of the run; "" when
	// absent. It may name a pool that never had the run.
	Pool string `json:"pool,omitempty"`
	// At is in Unix milliseconds; 0 when absent.
	At  int64  `json:"at,omitempty"`
	Via string `json:"via,omitempty"`
}

// Handler takes what a source delivers. Nil says that it is durably taken, or
// known already, so the source may acknowledge it; an error that it is not, so
// it is delivered again. Both methods return soon, for a source waits for
// them; they are called by several goroutines at once.
type Handler interface {
	Request(ctx context.Context, r Request) error
	Signal(ctx context.Context, s Signal) error
}

// Source delivers requests and signals.
type Source interface {
	// Name is "kafka" or "gms".
	Name() string
	// Run delivers to h until ctx ends, which is no error, or until something
	// is wrong that waiting cannot mend.
	Run(ctx context.Context, h Handler) error
	// Check says whether the source can be reached and read, without taking
	// anything from it.
	Check(ctx context.Context) error
	// LastPoll is when the source last heard from its server; zero: not yet.
	LastPoll() time.Time
}
