package queue_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/queue"
)

// FuzzDecodeRequest holds the reader against encoding/json: what it accepts
// means the same there, and what it refuses it refuses with an answer.
func FuzzDecodeRequest(f *testing.F) {
	for _, seed := range []string{
		`{"task":"RUN_INGEST","args":{"recipe":"{\"a\":[1]}","x":null},"executorId":"p","source":{"type":"T","ingestionSource":"u"},"requestedAt":17,"attempts":1,"more":[{"a":-1.5e3}]}`,
		`{"task":"\ud83d\ude00\u0000\/"}`, `{"task":"a","task":"b"}`, `{"a":[[[[`, `{"task":tru}`, "{\"task\":\"\xff\"}", `{"a":1e999,"b":-0}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, aspect []byte) {
		got, err := queue.DecodeRequest("run", aspect)
		if err != nil {
			if !errors.Is(err, queue.ErrMalformed) || got.Problem == "" || got.ID != "run" || got.Pool == "" || got.Args != nil {
				t.Fatalf("%v with %+v", err, got)
			}
			return
		}
		var any map[string]json.RawMessage
		if err := json.Unmarshal(aspect, &any); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		if diff := cmp.Diff(reference(t, any), got); diff != "" {
			t.Error(diff)
		}
	})
}

// reference decodes with encoding/json.
func reference(t *testing.T, aspect map[string]json.RawMessage) queue.Request {
	out := queue.Request{ID: "run", Pool: queue.DefaultPool}
	member := func(from map[string]json.RawMessage, key string, into any) {
		if raw, ok := from[key]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatalf("%s accepted, but %v", key, err)
			}
		}
	}
	member(aspect, "task", &out.Task)
	member(aspect, "executorId", &out.Pool)
	if out.Pool == "" {
		out.Pool = queue.DefaultPool
	}
	member(aspect, "actorUrn", &out.Actor)
	member(aspect, "requestedAt", &out.RequestedAt)
	member(aspect, "attempts", &out.Attempts)
	var source, args map[string]json.RawMessage
	member(aspect, "source", &source)
	member(source, "type", &out.Origin)
	member(source, "ingestionSource", &out.IngestionSource)
	member(aspect, "args", &args)
	if args != nil {
		out.Args = map[string]string{}
	}
	for key := range args {
		if text := new(string); strings.TrimSpace(string(args[key])) != "null" {
			member(args, key, text)
			out.Args[key] = *text
		}
	}
	return out
}

func FuzzDecodeSignal(f *testing.F) {
	f.Add([]byte(`{"signal":"KILL","executorId":"p","createdAt":{"time":1,"actor":"x"}}`))
	f.Fuzz(func(t *testing.T, aspect []byte) {
		got, err := queue.DecodeSignal("run", aspect)
		if err == nil && (got.ID != "run" || got.Name == "" || !json.Valid(aspect)) {
			t.Errorf("%+v", got)
		}
	})
}
