package observe_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/executor/observe/query"
	"github.com/lockforge/lockforge/internal/testenv"
)

const dataset = "urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)"

// server is a GMS in memory.
type server struct {
	series   map[string][]string // by aspect, the newest first
	schema   string
	err      error // of reads
	refuse   error // of proposals
	proposed []gms.Proposal
}

func (s *server) Timeseries(_ context.Context, q gms.TimeseriesQuery) ([]json.RawMessage, error) {
	var values []json.RawMessage
	for _, v := range s.series[q.Aspect] {
		var at struct{ TimestampMillis int64 }
		if err := json.Unmarshal([]byte(v), &at); err == nil && !q.Start.IsZero() && at.TimestampMillis < q.Start.UnixMilli() {
			continue
		}
		values = append(values, json.RawMessage(v))
	}
	return values, s.err
}

func (s *server) Aspect(context.Context, string, string) (gms.Aspect, bool, error) {
	return gms.Aspect{Value: []byte(s.schema)}, s.schema != "", s.err
}

func (s *server) Propose(_ context.Context, p gms.Proposal) error {
	if s.refuse != nil {
		return s.refuse
	}
	s.proposed = append(s.proposed, p)
	return nil
}

// warehouse answers with one number after the other.
type warehouse struct {
	answers  []float64
	err      error
	slow     time.Duration
	mu       sync.Mutex
	timeouts []time.Duration // it was given
}

func (w *warehouse) Number(ctx context.Context, q query.Query) (query.Answer, error) {
	w.mu.Lock()
	w.timeouts = append(w.timeouts, q.Timeout)
	w.mu.Unlock()
	select {
	case <-time.After(w.slow):
	case <-ctx.Done():
		return query.Answer{}, ctx.Err()
	}
	if w.err != nil {
		return query.Answer{}, w.err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.answers[0]
	if len(w.answers) > 1 {
		w.answers = w.answers[1:]
	}
	return query.Answer{Value: v, Text: fmt.Sprint(v)}, nil
}

// file parses one monitor that is due every minute.
func file(t testing.TB, monitor string) *observe.File {
	t.Helper()
	f, err := observe.Parse([]byte(`connections: {c: {type: mysql, config: {}}}
monitors:
  - {assertion: "urn:li:assertion:a", dataset: "` + dataset + `", cron: "* * * * *", timezone: UTC, ` + monitor + `}`))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run keeps a service for that long in a bubble of time that begins at a full
// minute, and returns what was observed.
func run(t *testing.T, o observe.Options, d time.Duration) []observe.Observation {
	t.Helper()
	seen := make(chan observe.Observation, 1000)
	o.Observed = func(x observe.Observation) { seen <- x }
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := observe.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	close(seen)
	var all []observe.Observation
	for x := range seen {
		all = append(all, x)
	}
	return all
}

// ago is a time of the bubble, which starts at 2000-01-01, in Unix ms. A check
// comes one minute after that.
func ago(d time.Duration) int64 {
	return time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC).Add(-d).UnixMilli()
}

func op(at int64, kind string) string {
	return fmt.Sprintf(`{"timestampMillis":%d,"lastUpdatedTimestamp":%d,"operationType":%q}`, at, at, kind)
}

func prof(at int64, rest string) string {
	return fmt.Sprintf(`{"timestampMillis":%d,%s}`, at, rest)
}

const (
	wholeTable  = `"partitionSpec":{"partition":"FULL_TABLE_SNAPSHOT","type":"FULL_TABLE"},`
	partitioned = `"partitionSpec":{"partition":"p=1","type":"PARTITION"},`
	customers   = `"rowCount":200,"fieldProfiles":[{"fieldPath":"customer","nullCount":5,"nullProportion":0.9,"uniqueProportion":0.25,"min":"1.5","max":"zebra"}]`
	schemaV2    = `{"fields":[
		{"fieldPath":"[version=2.0].[type=struct].[type=long].id","type":{"type":{"com.linkedin.schema.NumberType":{}}}},
		{"fieldPath":"[version=2.0].[type=struct].[type=struct].a.[type=string].b","type":{"type":{"com.linkedin.schema.StringType":{}}}}]}`
)

func TestEvaluations(t *testing.T) {
	day := 24 * time.Hour
	profiles := func(p ...string) *server { return &server{series: map[string][]string{"datasetProfile": p}} }
	operations := func(o ...string) *server { return &server{series: map[string][]string{"operation": o}} }
	for name, tc := range map[string]struct {
		server  *server
		monitor string
		want    observe.Verdict
		fault   observe.Fault
		native  string // "key=value"
	}{
		"fresh":             {operations(op(ago(time.Hour), "INSERT")), "kind: freshness, within: 2h", observe.Pass, "", "Window Start=1999-12-31T22:01:00Z"},
		"stale":             {operations(op(ago(3*time.Hour), "INSERT")), "kind: freshness, within: 2h", observe.Fail, "", "events=[]"},
		"never":             {operations(), "kind: freshness, within: 2h", observe.Fail, "", ""},
		"another operation": {operations(op(ago(time.Hour), "DELETE")), "kind: freshness, within: 2h, operations: [INSERT]", observe.Fail, "", ""},
		"wanted operation":  {operations(op(ago(time.Hour), "DELETE"), op(ago(time.Hour), "INSERT")), "kind: freshness, within: 2h, operations: [insert]", observe.Pass, "", ""},
		"clocks differ":     {operations(op(ago(-time.Minute), "INSERT")), "kind: freshness, within: 2h", observe.Pass, "", ""},
		"far future":        {operations(op(ago(-time.Hour), "INSERT")), "kind: freshness, within: 2h", observe.Fail, "", ""},
		"odd operation":     {operations(`{"timestampMillis":999999999999}`), "kind: freshness, within: 2h", observe.Broke, observe.Unknown, ""},
		"GMS is down":       {&server{err: &gms.Error{Kind: gms.Unavailable}}, "kind: freshness, within: 2h", observe.Broke, observe.NoConnection, ""},

		"rows":             {profiles(prof(ago(time.Hour), `"rowCount":7`)), "kind: volume, operator: greater_than, value: 5", observe.Pass, "", "Row Count=7"},
		"few rows":         {profiles(prof(ago(time.Hour), wholeTable+`"rowCount":5`)), "kind: volume, operator: greater_than, value: 5", observe.Fail, "", "Compared Value=5"},
		"at the border":    {profiles(prof(ago(time.Hour), `"rowCount":5`)), "kind: volume, operator: between, min: 5, max: 6", observe.Pass, "", "Compared Max Value=6"},
		"newest counts":    {profiles(prof(ago(3*time.Hour), `"rowCount":1`), prof(ago(time.Hour), `"rowCount":2`), prof(ago(2*time.Hour), `"rowCount":3`)), "kind: volume, operator: equal_to, value: 2", observe.Pass, "", ""},
		"partitions aside": {profiles(prof(ago(0), partitioned+`"rowCount":1`), prof(ago(time.Hour), wholeTable+`"rowCount":2`)), "kind: volume, operator: equal_to, value: 2", observe.Pass, "", ""},
		"partitions only":  {profiles(prof(ago(0), partitioned+`"rowCount":1`)), "kind: volume, operator: equal_to, value: 1", observe.Broke, observe.TooLittleData, ""},
		"no profile":       {profiles(), "kind: volume, operator: equal_to, value: 1", observe.Broke, observe.TooLittleData, ""},
		"old profile":      {profiles(prof(ago(3*day), `"rowCount":1`)), "kind: volume, operator: equal_to, value: 1", observe.Broke, observe.TooLittleData, ""},
		"old is well":      {profiles(prof(ago(3*day), `"rowCount":1`)), "kind: volume, operator: equal_to, value: 1, max_age: 100h", observe.Pass, "", ""},
		"no row count":     {profiles(prof(ago(0), `"columnCount":1`)), "kind: volume, operator: equal_to, value: 1", observe.Broke, observe.TooLittleData, ""},
		"wrong operator":   {profiles(prof(ago(0), `"rowCount":1`)), "kind: volume, operator: contain", observe.Broke, observe.BadParameters, ""},
		"first change":     {profiles(prof(ago(0), `"rowCount":1`)), "kind: volume, operator: less_than, value: 1, change: absolute", observe.First, "", "Row Count=1"},
		"odd profile":      {profiles(`[]`), "kind: volume, operator: equal_to, value: 1", observe.Broke, observe.Unknown, ""},
		"null count":       {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: null_count, operator: equal_to, value: 5", observe.Pass, "", "Metric Value=5"},
		"null share":       {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: null_percentage, operator: equal_to, value: 2.5", observe.Pass, "", ""},
		"unique share":     {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: unique_percentage, operator: equal_to, value: 25", observe.Pass, "", ""},
		"min":              {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: min, operator: equal_to, value: 1.5", observe.Pass, "", ""},
		"max is a text":    {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: max, operator: equal_to, value: 1.5", observe.Broke, observe.TooLittleData, ""},
		"no such field":    {profiles(prof(ago(0), customers)), "kind: field, field: other, metric: max, operator: equal_to, value: 1.5", observe.Broke, observe.BadField, ""},
		"not in a profile": {profiles(prof(ago(0), customers)), "kind: field, field: customer, metric: zero_count, operator: equal_to, value: 1", observe.Broke, observe.WrongSource, ""},

		"same schema":       {&server{schema: schemaV2}, "kind: schema, columns: [{path: id, type: NUMBER}, {path: a.b}]", observe.Pass, "", "Actual Fields=2"},
		"other type":        {&server{schema: schemaV2}, "kind: schema, columns: [{path: id, type: STRING}, {path: a.b}]", observe.Fail, "", `events=["field id is NUMBER, not STRING"]`},
		"more fields":       {&server{schema: schemaV2}, "kind: schema, columns: [{path: id}]", observe.Fail, "", `events=["field a.b is not expected"]`},
		"more are allowed":  {&server{schema: schemaV2}, "kind: schema, compatibility: superset, columns: [{path: id}]", observe.Pass, "", ""},
		"fewer fields":      {&server{schema: schemaV2}, "kind: schema, compatibility: superset, columns: [{path: id}, {path: c}]", observe.Fail, "", `events=["field c is missing"]`},
		"fewer are allowed": {&server{schema: schemaV2}, "kind: schema, compatibility: subset, columns: [{path: id}, {path: a.b}, {path: c}]", observe.Pass, "", ""},
		"no schema":         {&server{}, "kind: schema, columns: [{path: id}]", observe.Broke, observe.TooLittleData, ""},
		"odd schema":        {&server{schema: `{"fields":1}`}, "kind: schema, columns: [{path: id}]", observe.Broke, observe.Unknown, ""},

		"no warehouse": {&server{}, "kind: sql, connection: c, statement: SELECT 1, operator: equal_to, value: 1", observe.Broke, observe.NoSuchPlatform, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				got := run(t, observe.Options{File: file(t, tc.monitor), Server: tc.server}, 90*time.Second)
				if len(got) != 1 || got[0].Err != nil {
					t.Fatalf("got %+v", got)
				}
				r := got[0].Result
				if r.Verdict != tc.want || tc.fault == "" != (r.Err == nil) || r.Err != nil && r.Err.Fault != tc.fault {
					t.Errorf("got %s %v, want %s %s", r.Verdict, r.Err, tc.want, tc.fault)
				}
				if key, value, ok := strings.Cut(tc.native, "="); ok && r.Native[key] != value {
					t.Errorf("native %s is %q, want %q", key, r.Native[key], value)
				}
				if len(tc.server.proposed) != 1 {
					t.Errorf("%d results were reported", len(tc.server.proposed))
				}
			})
		})
	}
}

func TestStatementsAndTheirChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{}
		got := run(t, observe.Options{
			File:   file(t, "kind: sql, connection: c, statement: SELECT 1, operator: between, min: -50, max: 50, change: percentage"),
			Server: gmsServer, Warehouse: &warehouse{answers: []float64{100, 140, 40, 0, 10}},
		}, 5*time.Minute+time.Second)
		var verdicts []observe.Verdict
		for _, x := range got {
			verdicts = append(verdicts, x.Result.Verdict)
		}
		want := []observe.Verdict{observe.First, observe.Pass, observe.Fail, observe.Fail, observe.Broke}
		if diff := cmp.Diff(want, verdicts); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if native := got[1].Result.Native; native["Previous Value"] != "100" || native["Value"] != "140" || native["Change"] != "40" {
			t.Errorf("native %v", native)
		}
	})
}

func TestTimeoutsOfStatements(t *testing.T) {
	for monitor, want := range map[string]time.Duration{sqlMonitor: 7 * time.Second, sqlMonitor + ", timeout: 9s": 9 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := &warehouse{answers: []float64{1}}
			run(t, observe.Options{File: file(t, monitor), Server: &server{}, Warehouse: w, Timeout: func(source string) time.Duration {
				return map[string]time.Duration{"mysql": 7 * time.Second}[source]
			}}, 61*time.Second)
			if diff := cmp.Diff([]time.Duration{want}, w.timeouts); diff != "" {
				t.Errorf("%s: -want +got:\n%s", monitor, diff)
			}
		})
	}
}

func TestErrorsOfTheWarehouse(t *testing.T) {
	for stage, fault := range map[query.Stage]observe.Fault{
		query.Setup: observe.NoSuchPlatform, query.Config: observe.BadParameters, query.Connect: observe.NoConnection,
		query.Statement: observe.BadSQL, query.Value: observe.BadSQL, query.Time: observe.QueryFailed, "made up": observe.Unknown,
	} {
		synctest.Test(t, func(t *testing.T) {
			gmsServer := &server{}
			got := run(t, observe.Options{
				File:   file(t, "kind: sql, connection: c, statement: SELECT 1, operator: equal_to, value: 1"),
				Server: gmsServer, Warehouse: &warehouse{err: &query.Error{Stage: stage, Reason: "because"}},
			}, 61*time.Second)
			if len(got) != 1 || got[0].Result.Err == nil || *got[0].Result.Err != (observe.Error{Fault: fault, Reason: "because"}) {
				t.Errorf("%s: got %+v", stage, got)
			}
		})
	}
}

// Every form of result passes the check of a server, with the schemas of the
// CLI's wheel.
func TestResultsAreTakenByTheServer(t *testing.T) {
	if os.Getenv("LOCKFORGE_CLI_WHEEL") == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL names no wheel, whose schemas judge results")
	}
	peer := gmstest.Start(t, gmstest.Options{})
	client, err := gms.New(gms.Options{URL: peer.URL(), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for aspect, value := range map[string]string{
		"operation":      op(now.UnixMilli(), "INSERT"),
		"datasetProfile": prof(now.UnixMilli(), wholeTable+`"rowCount":7`),
	} {
		if err := client.Propose(t.Context(), gms.Proposal{EntityType: "dataset", URN: dataset, Aspect: aspect, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	peer.Put(dataset, "schemaMetadata", json.RawMessage(schemaV2))
	results := 0
	for _, tc := range []struct {
		monitor string
		want    observe.Verdict
	}{
		{"kind: freshness, within: 1h", observe.Pass},
		{"kind: freshness, since_last_check: true", observe.First},
		{"kind: volume, operator: greater_than, value: 10", observe.Fail},
		{"kind: volume, operator: greater_than, value: 10, change: absolute", observe.First},
		{"kind: field, field: x, metric: max, operator: equal_to, value: 1", observe.Broke},
		{"kind: schema, columns: [{path: id}]", observe.Fail},
		{"kind: sql, connection: c, statement: SELECT 1, operator: between, min: 0, max: 1e300", observe.Pass},
	} {
		s, err := observe.New(observe.Options{
			File: file(t, tc.monitor), Server: client, Dir: t.TempDir(), Warehouse: &warehouse{answers: []float64{1e299}},
			Observed: func(x observe.Observation) {
				if x.Result.Verdict != tc.want || x.Err != nil {
					t.Errorf("%s: got %+v", tc.monitor, x)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.CheckAll(t.Context())
		results++
		if got := len(peer.Series("urn:li:assertion:a", "assertionRunEvent")); got != results {
			t.Fatalf("%s: the server has %d results, want %d", tc.monitor, got, results)
		}
		time.Sleep(2 * time.Millisecond) // results of one time are one
	}
}
