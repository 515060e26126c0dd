package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/kafka"
	"github.com/lockforge/lockforge/internal/testenv"
)

// waitLimit bounds what a test waits for; on a quiet machine it takes a second.
const waitLimit = 60 * time.Second

// taker is a Handler that remembers.
type taker struct {
	mu      sync.Mutex
	taken   []string // the ids of requests, and "kill ID" for signals
	details map[string]queue.Request
	refuse  func(id string) error // nil takes all
}

var errRefused = errors.New("refused")

func (k *taker) Request(_ context.Context, r queue.Request) error { return k.take(r.ID, r) }

func (k *taker) Signal(_ context.Context, s queue.Signal) error {
	return k.take("kill "+s.ID, queue.Request{ID: s.ID, Pool: s.Pool, Via: s.Via})
}

func (k *taker) take(what string, r queue.Request) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != nil {
		if err := k.refuse(what); err != nil {
			return err
		}
	}
	if k.details == nil {
		k.details = map[string]queue.Request{}
	}
	k.taken, k.details[what] = append(k.taken, what), r
	return nil
}

func (k *taker) list() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.taken)
}

// await waits until all of what was taken, in any order and at least once.
func (k *taker) await(t *testing.T, what ...string) {
	t.Helper()
	eventually(t, func() error {
		have := map[string]bool{}
		for _, w := range k.list() {
			have[w] = true
		}
		var missing []string
		for _, w := range what {
			if !have[w] {
				missing = append(missing, w)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("%d of %d are missing, such as %s", len(missing), len(what), missing[0])
		}
		return nil
	})
}

func eventually(t *testing.T, check func() error) {
	t.Helper()
	err := check()
	for end := time.Now().Add(waitLimit); err != nil && time.Now().Before(end); err = check() {
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		t.Fatalf("after %v: %v", waitLimit, err)
	}
}

// notebook is a log handler that remembers lines.
type notebook struct {
	mu    sync.Mutex
	lines []string
}

func (n *notebook) Write(line []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, string(line))
	return len(line), nil
}

func (n *notebook) has(parts ...string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.lines, func(line string) bool {
		return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) })
	})
}

func (n *notebook) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "")
}

// world is a broker, a topic and a GMS that publishes to it.
type world struct {
	t      *testing.T
	broker *kafkatest.Broker
	topic  *kafkatest.Topic
	gms    *gmstest.Running
	notes  *notebook
}

func newWorld(t *testing.T, broker *kafkatest.Broker, partitions int) *world {
	t.Helper()
	w := &world{t: t, broker: broker, topic: broker.Topic(t, partitions, nil), notes: &notebook{}}
	w.gms = kafkatest.GMS(t, w.topic, gmstest.Options{})
	if w.gms.ChangeLogSchema() == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL names no wheel of acryl-datahub, whose schema events are written with")
	}
	return w
}

func (w *world) options() kafka.Options {
	return kafka.Options{
		Brokers: []string{w.broker.Address}, Topic: w.topic.Name, Group: "group-of-" + w.topic.Name,
		RegistryURL: w.gms.URL() + "/schema-registry/api/", StartAt: kafka.Earliest,
		Log: slog.New(slog.NewTextHandler(w.notes, nil)),
	}
}

// request makes GMS store a request, which publishes it.
func (w *world) request(id string) {
	w.gms.AddRequest(id, input())
}

func input() map[string]any {
	return map[string]any{
		"task": "RUN_INGEST", "args": map[string]string{"recipe": `{"source":{"type":"file"}}`, "version": "bundled"},
		"executorId": "default", "requestedAt": 1700000000000, "source": map[string]any{"type": "MANUAL_INGESTION_SOURCE"},
	}
}

// event makes the event of a request without storing it.
func (w *world) event(id string, change func(*gmstest.Change)) []byte {
	w.t.Helper()
	c := gmstest.Change{
		URN: queue.URN(id), EntityType: "dataHubExecutionRequest", ChangeType: "UPSERT", Aspect: "dataHubExecutionRequestInput",
		Key: []byte(`{"id":"` + id + `"}`), Value: []byte(`{"task":"RUN_INGEST","args":{},"executorId":"default","requestedAt":1,"source":{"type":"X"}}`), At: time.UnixMilli(1),
	}
	if change != nil {
		change(&c)
	}
	value, err := w.gms.Event(c)
	if err != nil {
		w.t.Fatal(err)
	}
	return value
}

// start makes a source and runs it.
func (w *world) start(o kafka.Options, h queue.Handler) (source *kafka.Source, stop func()) {
	w.t.Helper()
	source, err := kafka.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	return source, w.run(source, h)
}

// run runs a source; stop ends it in order.
func (w *world) run(source *kafka.Source, h queue.Handler) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx, h) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				w.t.Error(err)
			}
		case <-time.After(waitLimit):
			w.t.Error("the source does not stop")
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// awaitCommitted waits until the group's offsets are these.
func (w *world) awaitCommitted(o kafka.Options, want map[int32]int64) {
	w.t.Helper()
	eventually(w.t, func() error {
		if got := w.topic.Committed(w.t, o.Group); !maps.Equal(got, want) {
			return fmt.Errorf("committed %v, not %v", got, want)
		}
		return nil
	})
}

// TestReadIsTold counts records once each, however often one is tried: all,
// and those that are requests or signals, of other pools too.
func TestReadIsTold(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	w.request("ours")
	theirs := input()
	theirs["executorId"] = "theirs"
	w.gms.AddRequest("theirs", theirs)
	w.gms.Put("urn:li:corpuser:x", "corpUserInfo", map[string]any{"active": true})
	w.gms.Signal("ours", "KILL", "default")
	var mu sync.Mutex
	var all, own, refused int
	o := w.options()
	o.Read = func(a, b int) {
		mu.Lock()
		defer mu.Unlock()
		all, own = all+a, own+b
	}
	k := &taker{refuse: func(what string) error { // with the lock of the taker held
		if refused++; what == "ours" && refused < 3 {
			return errRefused
		}
		return nil
	}}
	_, stop := w.start(o, k)
	k.await(t, "ours", "kill ours")
	stop()
	if all != 4 || own != 3 {
		t.Errorf("%d records, %d of them requests and signals; want 4 and 3", all, own)
	}
}
