package integration_test

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// kafkaPlace is a place whose server tells its changes to Kafka, and whose
// executors take runs from there.
type kafkaPlace struct {
	*place
	topic  *kafkatest.Topic
	mu     sync.Mutex
	repeat int      // how often each event is written
	events [][]byte // what was written, the oldest first
}

func newKafkaPlace(t testing.TB, broker *kafkatest.Broker, partitions int) *kafkaPlace {
	t.Helper()
	p := &kafkaPlace{place: makePlace(t), repeat: 1}
	wheel := os.Getenv("LOCKFORGE_CLI_WHEEL")
	if wheel == "" {
		testenv.Missing(t, "LOCKFORGE_CLI_WHEEL does not name a wheel of acryl-datahub, whose schemas events need")
	}
	p.topic = broker.Topic(t, partitions, nil)
	// Changes are told from within the server, which is not known to this
	// function before it runs.
	known := make(chan struct{})
	p.serve(gmstest.Options{Wheel: wheel, OnChange: func(c gmstest.Change) {
		<-known
		event, err := p.gms.Event(c)
		if err == nil {
			err = p.put(partitionOf(c.URN, partitions), event)
		}
		if err != nil {
			t.Errorf("telling a change of %s: %v", c.URN, err)
		}
	}})
	close(known)
	p.env = append(p.env,
		"LOCKFORGE_EXECUTOR_SOURCES=kafka", "KAFKA_BOOTSTRAP_SERVER="+broker.Address, "METADATA_CHANGE_LOG_VERSIONED_TOPIC_NAME="+p.topic.Name,
		"DATAHUB_ACTIONS_INGESTION_EXECUTOR_CONSUMER_GROUP_ID=group-"+p.topic.Name, "KAFKA_AUTO_OFFSET_POLICY=earliest",
		// An executor that was killed must not hold its partitions for long.
		"KAFKA_PROPERTIES_SESSION_TIMEOUT_MS=1500", "KAFKA_PROPERTIES_HEARTBEAT_INTERVAL_MS=300",
	)
	return p
}

// partitionOf is the same for all events of an entity, as GMS has it.
func partitionOf(urn string, partitions int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(urn))
	return int(h.Sum32() % uint32(partitions))
}

func (p *kafkaPlace) put(partition int, event []byte) error {
	p.mu.Lock()
	p.events = append(p.events, event)
	var copies [][]byte
	for range p.repeat {
		copies = append(copies, event)
	}
	p.mu.Unlock()
	return p.topic.Put(partition, copies...)
}

// TestExecutorIsKilledBetweenKafkaAndServer kills executors that have not
// committed what they took.
func TestExecutorIsKilledBetweenKafkaAndServer(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 2)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var ids []string
	for range 10 {
		e := p.start().serving()
		for range 3 {
			id := fmt.Sprintf("kill-%03d", len(ids))
			ids = append(ids, id)
			p.request(id, act{MS: random.IntN(200)})
		}
		time.Sleep(time.Duration(random.IntN(2000)) * time.Millisecond)
		e.kill()
	}
	e := p.start()
	for _, id := range ids {
		p.final(id, 30*time.Second)
	}
	e.drain()
	t.Logf("%v", p.settled(ids...))
}

// TestRequestsComeTenTimes delivers every event ten times, again while the run
// goes on, after its end, and to the next executor.
func TestRequestsComeTenTimes(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 1)
	p.repeat = 10
	e := p.start().serving()
	ids := []string{"good", "bad", "cancelled"}
	p.request("good", act{MS: 500})
	p.request("bad", act{Exit: 3})
	p.request("cancelled", act{MS: 60_000})
	p.awaitStart("cancelled")
	p.gms.Signal("cancelled", "KILL", "")
	for id, status := range map[string]string{"good": "SUCCESS", "bad": "FAILURE", "cancelled": "CANCELLED"} {
		p.ends(id, status)
	}
	again := p.events
	for _, event := range again {
		must(t, p.put(0, event))
	}
	p.marker("before the restart")
	e.drain()
	e = p.start().serving()
	for _, event := range again {
		must(t, p.put(0, event))
	}
	p.marker("after the restart")
	e.drain()
	p.settled(ids...)
	p.trail()
}

// marker runs something that comes after all events that were written so far.
func (p *kafkaPlace) marker(what string) {
	p.t.Helper()
	id := strings.ReplaceAll(what, " ", "-")
	p.request(id, act{})
	p.ends(id, "SUCCESS")
}

// TestBothSourcesHaveARequest starts once what Kafka and polling deliver.
func TestBothSourcesHaveARequest(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 1)
	e := p.start("LOCKFORGE_EXECUTOR_SOURCES=kafka,poll").serving()
	var ids []string
	for i := range 12 {
		ids = append(ids, fmt.Sprintf("both-%d", i))
		p.request(ids[i], act{MS: 20 * i})
		time.Sleep(150 * time.Millisecond) // so that polls come before, at and after events
	}
	for _, id := range ids {
		p.ends(id, "SUCCESS")
	}
	e.drain()
	p.settled(ids...)
}

// TestBrokerRestarts has the broker die and come back while runs go on.
func TestBrokerRestarts(t *testing.T) {
	t.Parallel()
	broker := kafkatest.Start(t, kafkatest.Options{})
	p := newKafkaPlace(t, broker, 1)
	e := p.start().serving()
	p.request("before", act{})
	p.ends("before", "SUCCESS")
	p.request("over", act{MS: 1500})
	p.awaitStart("over")
	p.quiet(true) // the run's own results need no events
	broker.Kill()
	p.ends("over", "SUCCESS") // which does not need the broker
	must(t, broker.Restart())
	p.quiet(false)
	p.request("after", act{})
	p.ends("after", "SUCCESS")
	e.drain()
	p.settled("before", "over", "after")
}

// quiet has the server tell nobody of changes.
func (p *kafkaPlace) quiet(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.repeat = map[bool]int{true: 0, false: 1}[on]
}

// TestPartitionsMove has two executors of one group, of which one comes, is
// killed, comes back and drains while requests arrive.
func TestPartitionsMove(t *testing.T) {
	t.Parallel()
	p := newKafkaPlace(t, kafkatest.Shared(t), 4)
	var ids []string
	some := func(n int) {
		for range n {
			id := fmt.Sprintf("move-%03d", len(ids))
			ids = append(ids, id)
			p.request(id, act{MS: 50 + 10*(len(ids)%10)})
		}
	}
	a := p.start().serving()
	some(10)
	b := p.start(p.beside()...).serving() // takes over half of the partitions
	some(20)
	p.awaitStart(ids[15])
	b.kill()
	some(10)
	b = p.start(p.beside()...).serving()
	some(10)
	a.drain() // gives up its partitions; what it has taken and not begun is in its journal
	some(10)
	a = p.start()
	for _, id := range ids {
		p.final(id, 30*time.Second)
	}
	a.drain()
	b.drain()
	t.Logf("%v", p.settled(ids...))
}
