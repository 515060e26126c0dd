package observe

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

const (
	// latestOperations is how many operations are looked through for one that
	// counts.
	latestOperations = 1000
	// clockSkew is how far in the future an operation may lie: clocks of
	// warehouses and of this machine differ.
	clockSkew = 5 * time.Minute
	// shownOperations is how many of them a result names.
	shownOperations = 10
)

// operation is what is read of the aspect of that name.
type operation struct {
	At   int64  `json:"lastUpdatedTimestamp"` // Unix ms
	Type string `json:"operationType"`
}

// freshness looks for an operation in the monitor's time.
func (e evaluator) freshness(ctx context.Context, m Monitor, at time.Time, before state) (Result, error) {
	from := at.Add(-m.Within)
	if m.SinceLast {
		if before.Checked == 0 {
			return Result{Verdict: First}, nil
		}
		from = time.UnixMilli(before.Checked)
	}
	values, err := e.server.Timeseries(ctx, gms.TimeseriesQuery{
		URN: m.Dataset, EntityType: "dataset", Aspect: "operation", Start: from, Limit: latestOperations,
	})
	if err != nil {
		return Result{}, fail(NoConnection, "reading operations: %v", err)
	}
	found, err := operations(values, m.Operations, from, at.Add(clockSkew))
	if err != nil {
		return Result{}, err
	}
	if len(found) == 0 && len(values) == latestOperations {
		return Result{}, fail(TooLittleData, "none of the latest %d operations counts, and there are more", latestOperations)
	}
	shown, _ := json.Marshal(found[:min(len(found), shownOperations)])
	return Result{
		Verdict: judged(len(found) > 0),
		Native: map[string]string{
			"events": string(shown), "Window Start": stamp(from), "Window End": stamp(at),
		},
	}, nil
}

// operations returns those of the types that lie in the time, the newest first.
func operations(values []json.RawMessage, types []string, from, to time.Time) ([]operation, error) {
	found := []operation{}
	for _, value := range values {
		var o operation
		if err := json.Unmarshal(value, &o); err != nil || o.At == 0 {
			return nil, fail(Unknown, "an operation of the dataset is not in a known form")
		}
		if len(types) > 0 && !slices.Contains(types, o.Type) {
			continue
		}
		if o.At > from.UnixMilli() && o.At <= to.UnixMilli() {
			found = append(found, o)
		}
	}
	slices.SortStableFunc(found, func(a, b operation) int { return int(min(max(b.At-a.At, -1), 1)) })
	return found, nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
