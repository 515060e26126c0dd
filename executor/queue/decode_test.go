package queue_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/internal/testenv"
)

const run = "da889257-c4c3-4a37-b0cc-999b65690e85"

func TestDecodeRequest(t *testing.T) {
	for name, tc := range map[string]struct {
		aspect string
		want   queue.Request
	}{
		"all that DataHub sends": {
			`{"task":"RUN_INGEST","args":{"recipe":"{\"source\":{\"type\":\"mysql\"}}","version":"1.4.0.3","debug_mode":"false"},
			  "executorId":"pool-1","source":{"type":"MANUAL_INGESTION_SOURCE","ingestionSource":"urn:li:dataHubIngestionSource:x"},
			  "requestedAt":1700000000000,"actorUrn":"urn:li:corpuser:x","attempts":1,"cliVersionAudit":{"time":1,"deep":[[{}],null,-1.5e3,true]}}`,
			queue.Request{ID: run, Task: queue.RunIngest, Pool: "pool-1",
				Args:   map[string]string{"recipe": `{"source":{"type":"mysql"}}`, "version": "1.4.0.3", "debug_mode": "false"},
				Origin: "MANUAL_INGESTION_SOURCE", IngestionSource: "urn:li:dataHubIngestionSource:x",
				RequestedAt: 1700000000000, Actor: "urn:li:corpuser:x", Attempts: 1},
		},
		"the least":          {`{"task":"X"}`, queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool}},
		"nulls are absent":   {`{"task":"X","executorId":null,"args":null,"source":null,"requestedAt":null}`, queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool}},
		"a null argument":    {`{"task":"X","args":{"a":null,"b":""}}`, queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool, Args: map[string]string{"b": ""}}},
		"case is meant":      {`{"task":"X","Task":"Y","EXECUTORID":"z"}`, queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool}},
		"escapes":            {`{"task":"\u00e9\ud83d\ude00\n\/\"\\"}`, queue.Request{ID: run, Task: "é😀\n/\"\\", Pool: queue.DefaultPool}},
		"an escaped key":     {`{"\u0074ask":"X"}`, queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool}},
		"white space around": {" \n{\t\"task\" : \"X\" } \r\n", queue.Request{ID: run, Task: "X", Pool: queue.DefaultPool}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := queue.DecodeRequest(run, []byte(tc.aspect))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRequestKeepsThePoolOfWhatItRefuses(t *testing.T) {
	for name, tc := range map[string]struct{ aspect, pool string }{
		"a key given twice":         {`{"task":"X","task":"Y","executorId":"p"}`, "p"},
		"an argument given twice":   {`{"task":"X","args":{"recipe":"a","recipe":"b"},"executorId":"p"}`, "p"},
		"the same key, escaped":     {`{"task":"X","\u0074ask":"Y","executorId":"p"}`, "p"},
		"an argument of structure":  {`{"task":"X","args":{"recipe":{"source":[1,"a"]}},"executorId":"p"}`, "p"},
		"arguments of no structure": {`{"task":"X","args":"none","executorId":"p"}`, "p"},
		"a task of no text":         {`{"task":7,"executorId":"p"}`, "p"},
		"no task":                   {`{"executorId":"p"}`, "p"},
		"a time of text":            {`{"task":"X","requestedAt":"now","executorId":"p"}`, "p"},
		"a time of part seconds":    {`{"task":"X","requestedAt":1.5,"executorId":"p"}`, "p"},
		"a time out of range":       {`{"task":"X","requestedAt":99999999999999999999,"executorId":"p"}`, "p"},
		"a source of no structure":  {`{"task":"X","source":true,"executorId":"p"}`, "p"},
		"a zero byte":               {`{"task":"X","args":{"recipe":"a\u0000b"},"executorId":"p"}`, "p"},
		"a long name":               {`{"task":"` + strings.Repeat("x", queue.MaxName+1) + `","executorId":"p"}`, "p"},
		"many arguments":            {`{"task":"X","args":{` + numbered(queue.MaxArgs+1) + `},"executorId":"p"}`, "p"},
		"too many to read on":       {`{"executorId":"p","task":"X","args":{` + numbered(100_000) + `}}`, "p"},
		"half of a pair":            {`{"executorId":"p","task":"\ud83d"}`, "p"},
		"half of a pair, more":      {`{"executorId":"p","task":"\ud83d\u0041"}`, "p"},
		"the wrong half of a pair":  {`{"executorId":"p","task":"\ude00"}`, "p"},
		"a short escape":            {`{"executorId":"p","task":"\u12"}`, "p"},
		"an unknown escape":         {`{"executorId":"p","task":"\x41"}`, "p"},
		"a raw line break":          {"{\"executorId\":\"p\",\"task\":\"a\nb\"}", "p"},
		"text behind":               {`{"executorId":"p","task":"X"} {}`, "p"},
		"cut off":                   {`{"executorId":"p","task":"X"`, "p"},
		"cut off in a string":       {`{"executorId":"p","task":"X\`, "p"},
		"deep":                      {`{"executorId":"p","task":"X","more":` + strings.Repeat("[", 5_000_000), "p"},
		"a number with a zero":      {`{"executorId":"p","more":012}`, "p"},
		"a number without end":      {`{"executorId":"p","more":` + strings.Repeat("1", 1_000_000) + `}`, "p"},
		"no colon":                  {`{"executorId":"p","more" 1}`, "p"},
		"a comma too many":          {`{"executorId":"p","more":1,}`, "p"},
		"no quotes":                 {`{"executorId":"p",more:1}`, "p"},
		"no UTF-8":                  {"{\"executorId\":\"p\",\"task\":\"\xff\"}", queue.DefaultPool},
		"a mark of byte order":      {"\ufeff{}", queue.DefaultPool},
		"a list":                    {`[]`, queue.DefaultPool},
		"nothing":                   {``, queue.DefaultPool},
		"a pool of no text":         {`{"task":"X","executorId":["p"]}`, queue.DefaultPool},
		"too much":                  {`{"executorId":"p","task":"X","args":{"recipe":"` + strings.Repeat("x", queue.MaxAspect) + `"}}`, queue.DefaultPool},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := queue.DecodeRequest(run, []byte(tc.aspect))
			if !errors.Is(err, queue.ErrMalformed) {
				t.Fatalf("error %v", err)
			}
			if got.Problem == "" || strings.Contains(got.Problem, "\n") || len(got.Problem) > 4096 {
				t.Errorf("problem %.5000q", got.Problem)
			}
			got.Problem, got.Task, got.RequestedAt = "", "", 0
			if diff := cmp.Diff(queue.Request{ID: run, Pool: tc.pool}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// numbered makes n different members of an object.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":""`, i)
	}
	return b.String()[1:]
}

func TestDecodeRequestReportsAllProblems(t *testing.T) {
	_, err := queue.DecodeRequest(run, []byte(`{"task":1,"args":{"a":2},"source":3}`))
	for _, part := range []string{"task", "args.a", "source"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

func TestDecodeRequestShowsNoValue(t *testing.T) {
	_, err := queue.DecodeRequest(run, []byte(`{"task":1,"args":{"a":"hunter2\u0000"},"attempts":"hunter2"}`))
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}

func TestDecodeRequestIsQuick(t *testing.T) {
	recipe := strings.Repeat(`\"key\": 1,\n`, queue.MaxAspect/14)
	for name, aspect := range map[string]string{
		"a big recipe":  `{"task":"X","args":{"recipe":"` + recipe + `"}}`,
		"many values":   `{"task":"X","more":[` + strings.Repeat("{},", queue.MaxAspect/4) + `{}]}`,
		"many keys":     `{"task":"X","more":{` + strings.Repeat(`"":0,`, queue.MaxAspect/6) + `"":0}}`,
		"deep nesting":  `{"task":"X","more":` + strings.Repeat("[", queue.MaxAspect-100),
		"many of a key": `{` + strings.Repeat(`"task":"",`, queue.MaxAspect/10-10) + `"task":""}`,
	} {
		t.Run(name, func(t *testing.T) {
			testenv.Quick(t, 100*time.Millisecond, func() { _, _ = queue.DecodeRequest(run, []byte(aspect)) })
		})
	}
}

func TestDecodeSignal(t *testing.T) {
	for name, tc := range map[string]struct {
		aspect string
		want   queue.Signal
	}{
		"all":     {`{"signal":"KILL","executorId":"p","createdAt":{"time":17,"actor":"urn:li:corpuser:x"}}`, queue.Signal{ID: run, Name: queue.Kill, Pool: "p", At: 17}},
		"no pool": {`{"signal":"KILL"}`, queue.Signal{ID: run, Name: queue.Kill}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := queue.DecodeSignal(run, []byte(tc.aspect))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, aspect := range []string{``, `{}`, `{"signal":1}`, `{"signal":"KILL","createdAt":3}`, `{"signal":"KILL","signal":"KILL"}`} {
		if _, err := queue.DecodeSignal(run, []byte(aspect)); !errors.Is(err, queue.ErrMalformed) {
			t.Errorf("%s: %v", aspect, err)
		}
	}
}

func TestIDs(t *testing.T) {
	for id, valid := range map[string]bool{
		run: true, "a": true, "A_b-9": true, strings.Repeat("x", 128): true,
		"": false, "-a": false, "_a": false, "a.b": false, "..": false, "a/b": false, "a b": false, "é": false, "a\x00": false, strings.Repeat("x", 129): false,
	} {
		if queue.ValidID(id) != valid {
			t.Errorf("ValidID(%q) is not %v", id, valid)
		}
		got, err := queue.IDFromURN(queue.URN(id))
		if (err == nil) != valid || valid && got != id {
			t.Errorf("IDFromURN of %q: %q, %v", id, got, err)
		}
		_, err = queue.DecodeRequest(id, []byte(`{"task":"X"}`))
		if errors.Is(err, queue.ErrID) == valid {
			t.Errorf("DecodeRequest of %q: %v", id, err)
		}
		if _, err = queue.DecodeSignal(id, []byte(`{"signal":"KILL"}`)); errors.Is(err, queue.ErrID) == valid {
			t.Errorf("DecodeSignal of %q: %v", id, err)
		}
	}
	if _, err := queue.IDFromURN("urn:li:dataset:x"); !errors.Is(err, queue.ErrID) {
		t.Errorf("an urn of something else: %v", err)
	}
}

func TestDecodeKey(t *testing.T) {
	if id, err := queue.DecodeKey([]byte(`{"id": "` + run + `"}`)); err != nil || id != run {
		t.Errorf("%q, %v", id, err)
	}
	for _, key := range []string{``, `{}`, `{"id":1}`, `{"id":"a/../b"}`, `{"id":"a","id":"b"}`, `{"id":"` + strings.Repeat("x", queue.MaxName) + `"}`} {
		if id, err := queue.DecodeKey([]byte(key)); !errors.Is(err, queue.ErrID) || id != "" {
			t.Errorf("%s: %q, %v", key, id, err)
		}
	}
}

func TestFilter(t *testing.T) {
	none, two := queue.Filter{}, queue.Filter{Pools: []string{"a", "__datahub_cli_"}}
	for _, tc := range []struct {
		filter queue.Filter
		pool   string
		want   bool
	}{
		{none, "default", true}, {none, "a", false}, {none, "__datahub_cli_", false},
		{two, "a", true}, {two, "default", false}, {two, "__datahub_cli_", false},
	} {
		if got := tc.filter.Match(queue.Request{Pool: tc.pool}); got != tc.want {
			t.Errorf("%v and pool %q: %v", tc.filter, tc.pool, got)
		}
	}
	for pool, want := range map[string]bool{"": true, "a": true, "moved": true, "__datahub_cli_": false} {
		if two.MatchSignal(queue.Signal{Pool: pool}) != want {
			t.Errorf("signal of pool %q: not %v", pool, want)
		}
	}
}
