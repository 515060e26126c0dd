package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// callLimit bounds one call to the broker.
const callLimit = 30 * time.Second

// maxBatch is what may be written at once, in bytes before compression: more
// than a consumer should take.
const maxBatch = 64 << 20

// Topic is a topic that a test writes to.
type Topic struct {
	Name   string
	client *kgo.Client
}

// Topic makes a topic, named after the test. Settings are the topic's own,
// such as cleanup.policy.
func (b *Broker) Topic(t testing.TB, partitions int, settings map[string]string) *Topic {
	t.Helper()
	name := strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == '.' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '-'
	}, t.Name())
	topic := &Topic{Name: fmt.Sprintf("%s.%d", name, time.Now().UnixNano())}
	if err := topic.open(b.Address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(topic.client.Close)
	if err := topic.create(partitions, settings); err != nil {
		t.Fatal(err)
	}
	return topic
}

func (p *Topic) open(address string) (err error) {
	p.client, err = kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(p.Name),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(maxBatch))
	return err
}

func (p *Topic) create(partitions int, settings map[string]string) error {
	request := kmsg.NewPtrCreateTopicsRequest()
	request.TimeoutMillis = int32(callLimit.Milliseconds())
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = p.Name, int32(partitions), 1
	for name, value := range settings {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = name, kmsg.StringPtr(value)
		topic.Configs = append(topic.Configs, config)
	}
	request.Topics = append(request.Topics, topic)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	response, err := request.RequestWith(ctx, p.client)
	if err != nil {
		return err
	}
	if err := kerr.ErrorForCode(response.Topics[0].ErrorCode); err != nil {
		return err
	}
	return p.awaitLeaders(ctx)
}

// awaitLeaders returns when the broker serves the topic: its controller has
// made it some moments before the broker knows.
func (p *Topic) awaitLeaders(ctx context.Context) error {
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(p.Name)
	request := kmsg.NewPtrMetadataRequest()
	request.Topics = append(request.Topics, topic)
	for {
		response, err := request.RequestWith(ctx, p.client)
		if err != nil {
			return err
		}
		if served(response.Topics[0]) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

func served(topic kmsg.MetadataResponseTopic) bool {
	leaderless := func(p kmsg.MetadataResponseTopicPartition) bool { return p.ErrorCode != 0 || p.Leader < 0 }
	return topic.ErrorCode == 0 && !slices.ContainsFunc(topic.Partitions, leaderless)
}

// Put writes records' values to a partition, and returns when the broker has
// acknowledged them.
func (p *Topic) Put(partition int, values ...[]byte) error {
	var records []*kgo.Record
	for _, value := range values {
		records = append(records, &kgo.Record{Partition: int32(partition), Value: value})
	}
	return p.Write(records...)
}

// Write writes records as they are.
func (p *Topic) Write(records ...*kgo.Record) error {
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	return p.client.ProduceSync(ctx, records...).FirstErr()
}

// DeleteBefore deletes the records of a partition below an offset, as
// retention does.
func (p *Topic) DeleteBefore(partition int32, offset int64) error {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = int32(callLimit.Milliseconds())
	topic := kmsg.NewDeleteRecordsRequestTopic()
	topic.Topic = p.Name
	at := kmsg.NewDeleteRecordsRequestTopicPartition()
	at.Partition, at.Offset = partition, offset
	topic.Partitions = append(topic.Partitions, at)
	request.Topics = append(request.Topics, topic)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	response, err := request.RequestWith(ctx, p.client)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(response.Topics[0].Partitions[0].ErrorCode)
}

// Committed returns the offsets that a group committed, by partition.
func (p *Topic) Committed(t testing.TB, group string) map[int32]int64 {
	t.Helper()
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	request.Groups = append(request.Groups, g)
	ctx, cancel := context.WithTimeout(context.Background(), callLimit)
	defer cancel()
	response, err := request.RequestWith(ctx, p.client)
	for errors.Is(err, kerr.CoordinatorNotAvailable) && ctx.Err() == nil { // a new broker makes the topic of offsets
		time.Sleep(50 * time.Millisecond)
		response, err = request.RequestWith(ctx, p.client)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := map[int32]int64{}
	for _, g := range response.Groups {
		for _, topic := range g.Topics {
			for _, partition := range topic.Partitions {
				if topic.Topic == p.Name && partition.Offset >= 0 {
					out[partition.Partition] = partition.Offset
				}
			}
		}
	}
	return out
}

// GMS starts a stand-in for GMS whose every change is an event in a topic,
// before the change is answered: in partition 0, in order.
func GMS(t testing.TB, topic *Topic, o gmstest.Options) *gmstest.Running {
	t.Helper()
	p := Publisher{Topic: topic}
	o.OnChange = func(c gmstest.Change) {
		if err := p.Publish(c); err != nil {
			t.Errorf("publishing a change: %v", err)
		}
	}
	server := gmstest.Start(t, o)
	p.Use(server.Server)
	return server
}

// Publisher turns changes of a Server into events of a topic.
type Publisher struct {
	Topic *Topic

	mu     sync.Mutex
	server *gmstest.Server
}

// OpenPublisher is for programs: it makes a topic of one partition if there is
// none, and writes to it until the program ends.
func OpenPublisher(broker, topic string) (*Publisher, error) {
	p := &Publisher{Topic: &Topic{Name: topic}}
	if err := p.Topic.open(broker); err != nil {
		return nil, err
	}
	if err := p.Topic.create(1, nil); err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return nil, fmt.Errorf("making topic %s: %w", topic, err)
	}
	return p, nil
}

// Use tells whose schemas events are written with.
func (p *Publisher) Use(server *gmstest.Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.server = server
}

// Publish writes one event.
func (p *Publisher) Publish(c gmstest.Change) error {
	p.mu.Lock()
	server := p.server
	p.mu.Unlock()
	value, err := server.Event(c)
	if err != nil {
		return err
	}
	return p.Topic.Put(0, value)
}
