package observe

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/observe/query"
)

// Server is what of GMS the monitors need: a *gms.Client.
type Server interface {
	Timeseries(ctx context.Context, q gms.TimeseriesQuery) ([]json.RawMessage, error)
	Aspect(ctx context.Context, urn, aspect string) (gms.Aspect, bool, error)
	Propose(ctx context.Context, p gms.Proposal) error
}

// Warehouse asks a warehouse for one number: a *query.Runner. Its errors are
// *query.Error.
type Warehouse interface {
	Number(ctx context.Context, q query.Query) (query.Answer, error)
}

// evaluator evaluates monitors; it keeps nothing between them.
type evaluator struct {
	server    Server
	warehouse Warehouse // nil: there is none
	file      *File
	timeout   func(source string) time.Duration
}

// evaluate never fails: what goes wrong is the result.
func (e evaluator) evaluate(ctx context.Context, m Monitor, at time.Time, before state) Result {
	r, err := e.measure(ctx, m, at, before)
	if err != nil {
		failed := broken(err)
		failed.Native = r.Native
		return failed
	}
	return r
}

func (e evaluator) measure(ctx context.Context, m Monitor, at time.Time, before state) (Result, error) {
	switch m.Kind {
	case Freshness:
		return e.freshness(ctx, m, at, before)
	case Volume:
		return e.volume(ctx, m, at, before)
	case Field:
		return e.field(ctx, m, at, before)
	case Schema:
		return e.schema(ctx, m)
	case SQL:
		return e.sql(ctx, m, before)
	}
	return Result{}, fail(BadParameters, "the kind %q is not supported", m.Kind)
}

// faults are the classes of errors of a warehouse.
var faults = map[query.Stage]Fault{
	query.Setup: NoSuchPlatform, query.Config: BadParameters, query.Connect: NoConnection,
	query.Statement: BadSQL, query.Value: BadSQL, query.Time: QueryFailed,
}

// sql measures the one number that a statement returns.
func (e evaluator) sql(ctx context.Context, m Monitor, before state) (Result, error) {
	if e.warehouse == nil {
		return Result{}, fail(NoSuchPlatform, "this executor was not given a way to reach warehouses")
	}
	connection := e.file.Connections[m.Connection]
	timeout := m.Timeout
	if timeout == 0 {
		timeout = e.timeout(connection.Source)
	}
	answer, err := e.warehouse.Number(ctx, query.Query{
		Source: connection.Source, Config: connection.Config, Statement: m.Statement, Timeout: timeout,
	})
	if err != nil {
		var failed *query.Error
		if !errors.As(err, &failed) {
			return Result{}, err
		}
		fault, ok := faults[failed.Stage]
		if !ok {
			fault = Unknown
		}
		return Result{}, fail(fault, "%s", failed.Reason)
	}
	r, err := compare(m, answer.Value, before, "Value")
	if r.Native != nil && answer.Text != r.Native["Value"] {
		r.Native["Value"] = answer.Text // a float64 may lack its last digits
	}
	return r, err
}
