package kafka_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestTakesRequestsAndSignals(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	o, k := w.options(), &taker{}
	source, _ := w.start(o, k)
	w.request("run-1")
	w.gms.Signal("run-1", "KILL", "elsewhere")
	w.gms.Signal("run-1", "KILL", "__datahub_cli_")
	w.gms.SetResult("run-1", map[string]any{"status": "RUNNING", "startTimeMs": 1})
	w.gms.Put("urn:li:dataHubExecutionRequest:run-2", "dataHubExecutionRequestInput", merge(input(), "executorId", "other"))
	w.gms.Put("urn:li:dataHubExecutionRequest:run-3", "dataHubExecutionRequestInput", merge(input(), "executorId", "__datahub_cli_"))
	w.request("run-4")
	k.await(t, "run-1", "kill run-1", "run-4")
	if diff := cmp.Diff([]string{"run-1", "kill run-1", "run-4"}, k.list()); diff != "" {
		t.Error(diff)
	}
	want := queue.Request{
		ID: "run-4", Task: queue.RunIngest, Pool: "default", Origin: "MANUAL_INGESTION_SOURCE", Actor: "urn:li:corpuser:datahub", RequestedAt: 1700000000000, Via: "kafka",
		Args: map[string]string{"recipe": `{"source":{"type":"file"}}`, "version": "bundled"},
	}
	if diff := cmp.Diff(want, k.details["run-4"]); diff != "" {
		t.Error(diff)
	}
	if k.details["kill run-1"].Pool != "elsewhere" {
		t.Errorf("signal %+v", k.details["kill run-1"])
	}
	if age := time.Since(source.LastPoll()); age > 10*time.Second {
		t.Errorf("last poll %v ago", age)
	}
	w.awaitCommitted(o, map[int32]int64{0: 7})
	if text := w.notes.String(); text != "" {
		t.Errorf("logged:\n%s", text)
	}
}

func merge(m map[string]any, key string, value any) map[string]any {
	m[key] = value
	return m
}

func TestIgnoresWhatIsNotAnUpsertOfARequest(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	k := &taker{}
	w.start(w.options(), k)
	for _, change := range []func(*gmstest.Change){
		func(c *gmstest.Change) { c.ChangeType = "RESTATE" },
		func(c *gmstest.Change) { c.ChangeType = "DELETE"; c.Value = nil },
		func(c *gmstest.Change) { c.ChangeType = "CREATE" },
		func(c *gmstest.Change) { c.Aspect = "dataHubExecutionRequestResult" },
		func(c *gmstest.Change) { c.EntityType = "dataset" },
	} {
		if err := w.topic.Put(0, w.event("ignored", change)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.topic.Put(0, w.event("taken", func(c *gmstest.Change) { c.Key = nil })); err != nil {
		t.Fatal(err)
	}
	k.await(t, "taken")
	if diff := cmp.Diff([]string{"taken"}, k.list()); diff != "" {
		t.Error(diff)
	}
}
