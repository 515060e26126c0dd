package observe_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/internal/testenv"
)

const whole = `
connections:
  shop:
    type: mysql
    config: {host_port: "db:3306", password: "${DB_PASSWORD}", options: {a: [1, true]}}
monitors:
  - assertion: urn:li:assertion:fresh
    dataset: urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)
    kind: freshness
    cron: "0 6 * * *"
    timezone: Europe/Berlin
    within: 24h
    operations: [insert, UPDATE]
  - assertion: urn:li:assertion:volume
    dataset: urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)
    kind: volume
    cron: "@hourly"
    timezone: UTC
    operator: between
    min: 1
    max: 1e6
    change: percentage
    max_age: 12h
    passive: true
  - assertion: urn:li:assertion:field
    dataset: urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)
    kind: field
    cron: "*/5 * * * *"
    timezone: UTC
    field: customer
    metric: null_percentage
    operator: less_than
    value: 0.5
  - assertion: urn:li:assertion:schema
    dataset: urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)
    kind: schema
    cron: "*/5 * * * *"
    timezone: UTC
    compatibility: superset
    columns: [{path: id, type: NUMBER}, {path: customer}]
  - assertion: urn:li:assertion:sql
    dataset: urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)
    kind: sql
    cron: "*/5 * * * *"
    timezone: UTC
    connection: shop
    statement: SELECT count(*) FROM orders
    timeout: 30s
    operator: regex_match
`

func load(t testing.TB, content string) (*observe.File, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "monitors.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return observe.Load(path)
}

func TestLoad(t *testing.T) {
	got, err := load(t, whole)
	if err != nil {
		t.Fatal(err)
	}
	const dataset = "urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)"
	schedule := func(cron, zone string) observe.Schedule { return observe.Schedule{Cron: cron, Zone: zone} }
	five := schedule("*/5 * * * *", "UTC")
	want := []observe.Monitor{
		{
			Assertion: "urn:li:assertion:fresh", Kind: observe.Freshness, Schedule: schedule("0 6 * * *", "Europe/Berlin"),
			Line: 7, Within: 24 * time.Hour, Operations: []string{"INSERT", "UPDATE"},
		},
		{
			Assertion: "urn:li:assertion:volume", Kind: observe.Volume, Schedule: schedule("@hourly", "UTC"), Line: 14, Passive: true,
			Check: observe.Check{Operator: observe.Between, Min: 1, Max: 1e6}, Change: observe.Percentage, MaxAge: 12 * time.Hour,
		},
		{
			Assertion: "urn:li:assertion:field", Kind: observe.Field, Schedule: five, Line: 25, Field: "customer", Metric: "null_percentage",
			Check: observe.Check{Operator: observe.LessThan, Value: 0.5},
		},
		{
			Assertion: "urn:li:assertion:schema", Kind: observe.Schema, Schedule: five, Line: 34,
			Columns: []observe.Column{{Path: "id", Type: "NUMBER"}, {Path: "customer"}}, Compatibility: observe.Superset,
		},
		{
			Assertion: "urn:li:assertion:sql", Kind: observe.SQL, Schedule: five, Line: 41, Connection: "shop",
			Statement: "SELECT count(*) FROM orders", Timeout: 30 * time.Second, Check: observe.Check{Operator: "regex_match"},
		},
	}
	for i := range want {
		want[i].Dataset = dataset
		if want[i].MaxAge == 0 {
			want[i].MaxAge = observe.DefaultMaxAge
		}
	}
	if diff := cmp.Diff(want, got.Monitors, cmpopts.IgnoreUnexported(observe.Schedule{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	const config = `{"host_port":"db:3306","options":{"a":[1,true]},"password":"${DB_PASSWORD}"}`
	if c := got.Connections["shop"]; c.Source != "mysql" || string(c.Config) != config {
		t.Errorf("connection %+v", c)
	}
}

func TestLoadNamesEveryProblemWithItsPlace(t *testing.T) {
	const content = `
connections:
  a: {type: ../x, config: [1], more: 1}
  b: {config: {1: 2}}
top: 1
monitors:
  - kind: volume
    assertion: urn:li:dataset:x
    dataset: nothing
    cron: "@every 5s"
    timezone: UTC
    operator: between
    min: 3
    max: 2
    value: 1
    within: 3h
  - {kind: volume, assertion: "urn:li:assertion:x", dataset: "urn:li:dataset:(urn:li:dataPlatform:a,b,PROD)", cron: "61 * * * *", timezone: UTC, operator: less_than, value: .inf}
  - {kind: freshness, assertion: "urn:li:assertion:x", dataset: "urn:li:dataset:(urn:li:dataPlatform:a,b,PROD)", cron: "0 0 30 2 *", timezone: UTC, within: 3h, since_last_check: true}
  - {kind: freshness, assertion: "urn:li:assertion:y", dataset: "urn:li:dataset:(urn:li:dataPlatform:a,b,PROD)", cron: "* * * * *", timezone: Nowhere/City}
  - {kind: sql, assertion: "urn:li:assertion:z", dataset: "urn:li:dataset:(urn:li:dataPlatform:a,b,PROD)", cron: "* * * * *", timezone: "", connection: c, statement: DELETE FROM t, timeout: 9999h, operator: nearly}
  - {kind: field, kind: field, metric: beauty, change: odd, passive: maybe, columns: []}
  - {kind: schema, columns: {}, compatibility: 3}
  - {kind: dance}
  - 7
`
	_, err := load(t, content)
	if err == nil {
		t.Fatal("accepted")
	}
	text := err.Error()
	for _, want := range []string{
		`line 3, column 13: "../x" can't be a source type`, "line 3, column 27: want keys and values, not a list", `line 3, column 32: unknown key "more"`,
		"line 4, column 6: type is missing", `line 5, column 1: unknown key "top"`,
		"line 8, column 16: want the urn of an assertion", "line 9, column 14: want the urn of a dataset", "line 10, column 11: schedule: want five fields",
		"line 13, column 10: min is larger than max", "line 15, column 12: the operator has no value", `line 16, column 5: unknown key "within"`,
		"line 17, column 117: schedule:", `want a number, not ".inf"`,
		"line 18, column 120: schedule: this never comes", "line 18, column 5: want either within or since_last_check", "line 18, column 5: the assertion has a monitor in line 17 already",
		`unknown time zone "Nowhere/City"`, "line 19, column 5: want either within or since_last_check",
		"the time zone is missing", `there is no connection "c"`, "statement: want a SELECT", "want a time span from 1s to 24h0m0s", `"nearly" is none of`,
		"kind is there twice", `"beauty" is none of`, `"odd" is none of`, `want true or false, not "maybe"`, `unknown key "columns"`,
		"want a list, not a mapping", `want a text, not "3"`, `"dance" is none of`, `want keys and values, not "7"`, "line 21, column 5: field is missing",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	var p *observe.Problem
	if !errors.As(err, &p) || p.Line == 0 {
		t.Errorf("got %v, want a *Problem with a line", p)
	}
}

func TestLoadRefusesHostileFiles(t *testing.T) {
	for name, content := range map[string]string{
		"empty":         "",
		"not YAML":      "a: b: c: [",
		"two documents": "monitors: []\n---\nmonitors: []",
		"a list":        "[]",
		"aliases":       "monitors: &a []\nconnections: *a",
		"deep":          "monitors: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000),
		"large":         "monitors: []\n" + strings.Repeat("# padding\n", 1<<19),
		"merge":         "monitors: []\n<<: {a: 1}",
		"NUL":           "monitors: \x00",
	} {
		path := filepath.Join(t.TempDir(), "monitors.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Run(name, func(t *testing.T) {
			testenv.Quick(t, 100*time.Millisecond, func() {
				if _, err := observe.Load(path); err == nil {
					t.Error("accepted")
				}
			})
		})
	}
	if _, err := observe.Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("monitors: [{kind: sql}]"))
	f.Fuzz(func(t *testing.T, content []byte) {
		file, err := observe.Parse(content)
		if (file == nil) == (err == nil) {
			t.Errorf("got %v and %v", file, err)
		}
	})
}

func TestScheduleFollowsItsTimeZone(t *testing.T) {
	s, err := observe.ParseSchedule("30 6 * * *", "Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for from, want := range map[string]string{
		"2026-01-10T00:00:00Z": "2026-01-10T05:30:00Z", // winter
		"2026-07-10T00:00:00Z": "2026-07-10T04:30:00Z", // summer
		"2026-07-10T04:30:00Z": "2026-07-11T04:30:00Z",
	} {
		at, err := time.Parse(time.RFC3339, from)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Next(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("after %s: got %s, want %s", from, got, want)
		}
	}
}
