package gmstest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/avro"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// A consumer knows nothing but the frame and the registry's address.
func TestEventsAreReadableThroughTheRegistry(t *testing.T) {
	var mu sync.Mutex
	var changes []gmstest.Change
	server := gmstest.Start(t, gmstest.Options{Wheel: wheel(t), OnChange: func(c gmstest.Change) {
		mu.Lock()
		defer mu.Unlock()
		changes = append(changes, c)
	}})
	server.AddRequest("r", map[string]any{"args": map[string]string{"recipe": "{}"}})
	propose(t, server, `{"status":"RUNNING"}`, func(p map[string]any) {
		delete(p, "entityUrn")
		p["entityKeyAspect"] = map[string]any{"value": `{"id":"r"}`, "contentType": "application/json"}
		p["systemMetadata"] = map[string]any{"lastObserved": 5, "properties": map[string]string{"appSource": "x"}}
	})
	server.Signal("r", "KILL", "")

	response, err := http.Get(server.URL() + "/schema-registry/api/schemas/ids/2")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Schema string }
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	codec, err := avro.Parse(answer.Schema)
	if err != nil {
		t.Fatal(err)
	}
	type event struct{ EntityType, URN, ChangeType, Aspect string }
	var got []event
	for _, change := range changes {
		frame, err := server.Event(change)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]byte{0, 0, 0, 0, gmstest.ChangeLogID}, frame[:5]); diff != "" {
			t.Errorf("frame (-want +got):\n%s", diff)
		}
		var record map[string]any
		if rest, err := codec.Decode(frame[5:], &record); err != nil || len(rest) != 0 {
			t.Fatal(len(rest), err)
		}
		got = append(got, event{
			record["entityType"].(string), record["entityUrn"].(string), record["changeType"].(string), record["aspectName"].(string),
		})
		value := record["aspect"].(map[string]any)["value"].([]byte)
		if diff := cmp.Diff(decode(t, change.Value), decode(t, value)); diff != "" {
			t.Errorf("value (-want +got):\n%s", diff)
		}
	}
	want := []event{
		{"dataHubExecutionRequest", gmstest.URN("r"), "UPSERT", "dataHubExecutionRequestInput"},
		{"dataHubExecutionRequest", gmstest.URN("r"), "UPSERT", "dataHubExecutionRequestResult"},
		{"dataHubExecutionRequest", gmstest.URN("r"), "UPSERT", "dataHubExecutionRequestSignal"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
