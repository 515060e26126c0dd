package kafka_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/kafka"
)

func TestPassesOverPoison(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	good := w.event("good", nil)
	poison := map[string][]byte{
		"no frame":            []byte("dataHubExecutionRequest"),
		"a short frame":       nil,
		"a wrong magic byte":  append([]byte{1}, good[1:]...),
		"an unknown schema":   append([]byte{0, 0, 0, 0, 77}, good[5:]...),
		"a cut event":         good[:len(good)-3],
		"more than an event":  append(bytes.Clone(good), 0),
		"a wild length":       append(bytes.Clone(good[:6]), append(bytes.Repeat([]byte{0xff}, 8), "dataHubExecutionRequest"...)...),
		"an id with a path":   w.event("x", func(c *gmstest.Change) { c.Key = json.RawMessage(`{"id":"../../x"}`) }),
		"two ids":             w.event("x", func(c *gmstest.Change) { c.Key = json.RawMessage(`{"id":"y"}`) }),
		"no id":               w.event("x", func(c *gmstest.Change) { c.Key = nil; c.URN = "urn:li:dataHubExecutionRequest:" }),
		"an urn of something": w.event("x", func(c *gmstest.Change) { c.Key = nil; c.URN = "urn:li:dataset:x" }),
		"a key that is none":  w.event("x", func(c *gmstest.Change) { c.Key = json.RawMessage(`{"id":`) }),
		"a signal of nothing": w.event("x", func(c *gmstest.Change) {
			c.Aspect, c.Value = "dataHubExecutionRequestSignal", json.RawMessage(`{}`)
		}),
	}
	source, err := kafka.New(w.options())
	if err != nil {
		t.Fatal(err)
	}
	source.Hurry(100*time.Millisecond, 1<<20)
	k := &taker{}
	w.run(source, k)
	for name, value := range poison {
		if err := w.topic.Put(0, value); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	bomb := &kgo.Record{Value: bytes.Repeat([]byte("dataHubExecutionRequest"), 1<<17)}
	if err := w.topic.Write(bomb); err != nil {
		t.Fatal(err)
	}
	if err := w.topic.Put(0, good); err != nil {
		t.Fatal(err)
	}
	k.await(t, "good")
	if diff := cmp.Diff([]string{"good"}, k.list()); diff != "" {
		t.Error(diff)
	}
	w.awaitCommitted(w.options(), map[int32]int64{0: int64(len(poison)) + 2})
	for _, parts := range [][]string{
		{"passing over an event that cannot be read", "topic=" + w.topic.Name, "partition=0", "offset="},
		{"passing over an event whose schema nobody knows", "77"},
		{"passing over a batch", "offset=13", "next=14"},
	} {
		if !w.notes.has(parts...) {
			t.Errorf("%q is not logged:\n%s", parts, w.notes)
		}
	}
}

func TestMalformedRequestsAreAnswered(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	k := &taker{}
	w.start(w.options(), k)
	for id, aspect := range map[string]string{
		"twice":      `{"task":"RUN_INGEST","args":{"recipe":"a","recipe":"b"},"executorId":"default"}`,
		"structured": `{"task":"RUN_INGEST","args":{"recipe":{}},"executorId":"default"}`,
		"no-json":    `task: RUN_INGEST`,
		"elsewhere":  `{"task":7,"executorId":"other"}`,
		"big":        `{"task":"RUN_INGEST","executorId":"default","args":{"recipe":"` + strings.Repeat("x", 900_000) + `","recipe":""}}`,
	} {
		if err := w.topic.Put(0, w.event(id, func(c *gmstest.Change) { c.Value = json.RawMessage(aspect) })); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.topic.Put(0, w.event("last", nil)); err != nil {
		t.Fatal(err)
	}
	k.await(t, "last", "twice", "structured", "no-json", "big")
	for _, id := range k.list() {
		if r := k.details[id]; (r.Problem == "") != (id == "last") || id == "elsewhere" || r.Pool != queue.DefaultPool {
			t.Errorf("%+v", r)
		}
	}
}

func TestAnEventOverTheLimit(t *testing.T) {
	broker := kafkatest.Shared(t)
	w := newWorld(t, broker, 1)
	w.topic = broker.Topic(t, 1, map[string]string{"max.message.bytes": "33554432"})
	k := &taker{}
	w.start(w.options(), k)
	// Repetitive text compresses below what a producer may send.
	big := w.event("big", func(c *gmstest.Change) {
		c.Value = json.RawMessage(`{"task":"X","args":{"recipe":"` + strings.Repeat("x", kafka.MaxEvent) + `"}}`)
	})
	if err := w.topic.Put(0, big); err != nil {
		t.Fatal(err)
	}
	if err := w.topic.Put(0, w.event("last", nil)); err != nil {
		t.Fatal(err)
	}
	k.await(t, "last")
	if diff := cmp.Diff([]string{"last"}, k.list()); diff != "" {
		t.Error(diff)
	}
	if !w.notes.has("passing over an event that cannot be read", "limit is 16777216") {
		t.Errorf("logged:\n%s", w.notes)
	}
}

func TestARegistryThatIsAway(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	w.put("run", 1, 3)
	target, err := url.Parse(w.gms.URL())
	if err != nil {
		t.Fatal(err)
	}
	var asked, up atomic.Int32
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		user, password, _ := r.BasicAuth()
		switch {
		case up.Load() == 0:
			rw.WriteHeader(http.StatusServiceUnavailable)
		case user != "u" || password != "p:q":
			rw.WriteHeader(http.StatusUnauthorized)
		default:
			httputil.NewSingleHostReverseProxy(target).ServeHTTP(rw, r)
		}
	}))
	defer front.Close()
	o, k := w.options(), &taker{}
	o.RegistryURL = front.URL + "/schema-registry/api"
	o.Properties = map[string]string{"basic.auth.user.info": "u:p:q", "basic.auth.credentials.source": "USER_INFO"}
	source, _ := w.start(o, k)
	eventually(t, func() error {
		if asked.Load() < 3 {
			return errRefused
		}
		return nil
	})
	if got := k.list(); len(got) > 0 {
		t.Errorf("taken without a schema: %v", got)
	}
	if err := source.Check(t.Context()); err == nil {
		t.Error("Check accepts a registry that answers 503")
	}
	up.Store(1)
	k.await(t, "run-000", "run-001", "run-002")
	w.awaitCommitted(o, map[int32]int64{0: 3})
}
