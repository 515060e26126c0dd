package observe

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
)

// latestProfiles is how many profiles are looked through for one of the whole
// table: profiles of partitions and samples lie among them.
const latestProfiles = 100

// profile is what is read of datasetProfile.
type profile struct {
	At        int64          `json:"timestampMillis"`
	Partition *partition     `json:"partitionSpec"`
	RowCount  *int64         `json:"rowCount"`
	Fields    []fieldProfile `json:"fieldProfiles"`
}

type partition struct {
	Partition string `json:"partition"`
	Type      string `json:"type"`
}

type fieldProfile struct {
	Path             string   `json:"fieldPath"`
	UniqueCount      *int64   `json:"uniqueCount"`
	UniqueProportion *float64 `json:"uniqueProportion"`
	NullCount        *int64   `json:"nullCount"`
	NullProportion   *float64 `json:"nullProportion"`
	Min              *string  `json:"min"`
	Max              *string  `json:"max"`
	Mean             *string  `json:"mean"`
	Median           *string  `json:"median"`
	Stdev            *string  `json:"stdev"`
}

// wholeTable reports whether the numbers are of all rows.
func (p profile) wholeTable() bool {
	return p.Partition == nil || p.Partition.Type == "FULL_TABLE" ||
		p.Partition.Type == "" && p.Partition.Partition == "FULL_TABLE_SNAPSHOT"
}

// volume measures the row count.
func (e evaluator) volume(ctx context.Context, m Monitor, at time.Time, before state) (Result, error) {
	p, err := e.profile(ctx, m, at)
	if err != nil {
		return Result{}, err
	}
	if p.RowCount == nil {
		return Result{}, fail(TooLittleData, "the profile of %s has no row count", stamp(time.UnixMilli(p.At)))
	}
	r, err := compare(m, float64(*p.RowCount), before, "Row Count")
	r.RowCount = p.RowCount
	return r, err
}

// field measures a metric of one field.
func (e evaluator) field(ctx context.Context, m Monitor, at time.Time, before state) (Result, error) {
	measure, ok := metrics[m.Metric]
	if !ok {
		return Result{}, fail(WrongSource, "a profile does not have the metric %s; use a monitor of kind sql", m.Metric)
	}
	p, err := e.profile(ctx, m, at)
	if err != nil {
		return Result{}, err
	}
	i := slices.IndexFunc(p.Fields, func(f fieldProfile) bool { return samePath(f.Path, m.Field) })
	if i < 0 {
		return Result{}, fail(BadField, "the profile of %s has no field %q", stamp(time.UnixMilli(p.At)), m.Field)
	}
	value, ok := measure(p.Fields[i], p.RowCount)
	if !ok {
		return Result{}, fail(TooLittleData, "the profile of %s has no number for %s of field %q", stamp(time.UnixMilli(p.At)), m.Metric, m.Field)
	}
	return compare(m, value, before, "Metric Value")
}

// profile returns the latest profile of the whole table.
func (e evaluator) profile(ctx context.Context, m Monitor, at time.Time) (profile, error) {
	values, err := e.server.Timeseries(ctx, gms.TimeseriesQuery{
		URN: m.Dataset, EntityType: "dataset", Aspect: "datasetProfile", Limit: latestProfiles,
	})
	if err != nil {
		return profile{}, fail(NoConnection, "reading profiles: %v", err)
	}
	var latest profile
	for _, value := range values {
		var p profile
		if err := json.Unmarshal(value, &p); err != nil {
			return profile{}, fail(Unknown, "a profile of the dataset is not in a known form")
		}
		if p.wholeTable() && p.At > latest.At {
			latest = p
		}
	}
	switch {
	case len(values) == 0:
		return profile{}, fail(TooLittleData, "the dataset has no profile; turn on profiling in its ingestion")
	case latest.At == 0:
		return profile{}, fail(TooLittleData, "none of the latest %d profiles is of the whole table", len(values))
	case at.Sub(time.UnixMilli(latest.At)) > m.MaxAge:
		return profile{}, fail(TooLittleData, "the latest profile is of %s, older than %s", stamp(time.UnixMilli(latest.At)), m.MaxAge)
	}
	return latest, nil
}

// metrics are those that a profile has, by DataHub's name in lower case.
var metrics = map[string]func(f fieldProfile, rows *int64) (float64, bool){
	"unique_count": func(f fieldProfile, _ *int64) (float64, bool) { return count(f.UniqueCount) },
	"unique_percentage": func(f fieldProfile, rows *int64) (float64, bool) {
		return share(f.UniqueCount, f.UniqueProportion, rows)
	},
	"null_count":      func(f fieldProfile, _ *int64) (float64, bool) { return count(f.NullCount) },
	"null_percentage": func(f fieldProfile, rows *int64) (float64, bool) { return share(f.NullCount, f.NullProportion, rows) },
	"min":             func(f fieldProfile, _ *int64) (float64, bool) { return decimal(f.Min) },
	"max":             func(f fieldProfile, _ *int64) (float64, bool) { return decimal(f.Max) },
	"mean":            func(f fieldProfile, _ *int64) (float64, bool) { return decimal(f.Mean) },
	"median":          func(f fieldProfile, _ *int64) (float64, bool) { return decimal(f.Median) },
	"stddev":          func(f fieldProfile, _ *int64) (float64, bool) { return decimal(f.Stdev) },
}

// allMetrics also has those that DataHub knows and a profile has not.
func allMetrics() []string {
	all := []string{
		"negative_count", "negative_percentage", "zero_count", "zero_percentage",
		"min_length", "max_length", "empty_count", "empty_percentage",
	}
	for name := range metrics {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

func count(n *int64) (float64, bool) {
	if n == nil {
		return 0, false
	}
	return float64(*n), true
}

// share returns a percentage: of the proportion, or of the count where the
// profile has none.
func share(n *int64, proportion *float64, rows *int64) (float64, bool) {
	switch {
	case n != nil && rows != nil && *rows > 0:
		return float64(*n) / float64(*rows) * 100, true
	case proportion != nil:
		return *proportion * 100, true
	}
	return 0, false
}

// decimal reads a number that the profile has as text; dates are none.
func decimal(s *string) (float64, bool) {
	if s == nil {
		return 0, false
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(*s), 64)
	return v, err == nil && v-v == 0 // neither infinite nor NaN
}
