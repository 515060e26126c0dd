package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lockforge/lockforge/executor/queue"
)

// Name is the Name of this source, and what Via says.
const Name = "kafka"

// How the log is read.
const (
	// fetchBytes bounds what a fetch from one broker asks for; a broker sends
	// one batch at least, however big. It bounds the memory of a busy topic.
	fetchBytes = 8 << 20
	// fetchWait is how long a broker holds a fetch that has nothing to give:
	// the pulse of LastPoll on a silent topic.
	fetchWait = 5 * time.Second
	// maxBatch bounds what a compressed batch may become, in bytes.
	maxBatch = 256 << 20
	// pollRecords bounds the records that one poll hands to the lanes.
	pollRecords = 1000
	// commitEvery is the pause between two commits of offsets that nothing was
	// taken from: they only save reading again.
	commitEvery = time.Second
	// closeWait bounds the last commit when Run ends.
	closeWait = 5 * time.Second
	// unknownSchemaFor is how long a record waits for a registry to learn of
	// its schema before it is passed over.
	unknownSchemaFor = 2 * time.Minute
	// sessionTimeout and rebalanceTimeout hold unless a property says otherwise.
	sessionTimeout   = 10 * time.Second
	rebalanceTimeout = 30 * time.Second
)

// Source is a queue.Source. It may be run once at a time.
type Source struct {
	topic, group, startAt string
	notes                 []string
	filter                queue.Filter
	schemas               *registry
	log                   *slog.Logger
	now                   func() time.Time
	stale                 time.Duration // unknownSchemaFor
	batch                 int           // maxBatch
	read                  func(all, ours int)
	connect, consume      []kgo.Opt
	lastPoll              atomic.Pointer[time.Time]
	running               atomic.Bool
}

// Name is "kafka".
func (s *Source) Name() string { return Name }

// Notes says, sorted, which properties are unknown or without effect, and why.
func (s *Source) Notes() []string { return slices.Clone(s.notes) }

// LastPoll is when a broker last answered a fetch or a heartbeat.
func (s *Source) LastPoll() time.Time {
	if at := s.lastPoll.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// Run consumes until ctx ends. It reconnects for ever: what it cannot mend it
// logs, and LastPoll stands still. It fails only when it runs already.
func (s *Source) Run(ctx context.Context, h queue.Handler) error {
	if !s.running.CompareAndSwap(false, true) {
		return errors.New("the kafka source runs already")
	}
	defer s.running.Store(false)
	lanes := &lanes{source: s, handler: h, base: ctx, wanted: make(chan struct{}, 1), byPartition: map[int32]*lane{}}
	client, err := kgo.NewClient(append(slices.Concat(s.connect, s.consume), s.groupOptions(lanes)...)...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	var committer sync.WaitGroup
	committer.Go(func() { lanes.commits(ctx, client) })
	s.poll(ctx, client, lanes)
	lanes.stop(lanes.all())
	committer.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
	defer cancel()
	if err := client.CommitMarkedOffsets(last); err != nil {
		s.log.Warn("committing the last offsets: what they cover is delivered again", "error", err)
	}
	client.CloseAllowingRebalance()
	return nil
}

func (s *Source) groupOptions(lanes *lanes) []kgo.Opt {
	start := kgo.NewOffset().AtEnd()
	if s.startAt == Earliest {
		start = kgo.NewOffset().AtStart()
	}
	return []kgo.Opt{
		kgo.ConsumeTopics(s.topic), kgo.ConsumerGroup(s.group), kgo.ConsumeStartOffset(start),
		kgo.AutoCommitMarks(), kgo.AutoCommitInterval(commitEvery), kgo.AutoCommitCallback(lanes.committed),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(lanes.assigned), kgo.OnPartitionsRevoked(lanes.revoked), kgo.OnPartitionsLost(lanes.lost),
		kgo.AdjustFetchOffsetsFn(lanes.pin),
		kgo.MaxDecompressBatchBytes(s.batch),
	}
}

// poll hands what arrives to the lanes. No rebalance happens between the two,
// so records never reach the lane of a later assignment.
func (s *Source) poll(ctx context.Context, client *kgo.Client, lanes *lanes) {
	for {
		fetches := client.PollRecords(ctx, pollRecords)
		if ctx.Err() != nil {
			return
		}
		s.read(fetches.NumRecords(), 0)
		fetches.EachRecord(func(record *kgo.Record) { lanes.add(record.Partition, entry{record: record}) })
		for _, err := range fetches.Errors() {
			if batch, ok := errors.AsType[*kgo.ErrDecompressTooLarge](err.Err); ok {
				lanes.add(batch.Partition, entry{batch: batch})
				continue
			}
			s.log.Warn("reading from kafka", "topic", err.Topic, "partition", err.Partition, "error", err.Err)
		}
		client.AllowRebalance()
	}
}

// Check reaches a broker, the topic and the registry, and joins nothing.
func (s *Source) Check(ctx context.Context) error {
	client, err := kgo.NewClient(append(slices.Clone(s.connect), kgo.RequestRetries(1), kgo.RetryTimeout(closeWait))...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOptions, err)
	}
	defer client.Close()
	return errors.Join(s.checkTopic(ctx, client), s.schemas.check(ctx))
}

func (s *Source) checkTopic(ctx context.Context, client *kgo.Client) error {
	request := kmsg.NewPtrMetadataRequest()
	topic := kmsg.NewMetadataRequestTopic()
	topic.Topic = kmsg.StringPtr(s.topic)
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return fmt.Errorf("reaching a kafka broker: %w", err)
	}
	for _, t := range response.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return fmt.Errorf("looking for topic %s: %w", s.topic, err)
		}
	}
	err = s.findCoordinator(ctx, client)
	for end := s.now().Add(closeWait); kerr.IsRetriable(err) && ctx.Err() == nil && s.now().Before(end); err = s.findCoordinator(ctx, client) {
		time.Sleep(backoffMin) // a new cluster makes the topic of offsets now
	}
	if err != nil {
		return fmt.Errorf("looking for the coordinator of group %s: %w", s.group, err)
	}
	return nil
}

func (s *Source) findCoordinator(ctx context.Context, client *kgo.Client) error {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorKey, request.CoordinatorKeys = s.group, []string{s.group} // old and new form
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	for _, c := range response.Coordinators {
		if err := kerr.ErrorForCode(c.ErrorCode); err != nil {
			return err
		}
	}
	return kerr.ErrorForCode(response.ErrorCode)
}

// heard notes when brokers answer.
func (s *Source) heard() kgo.Hook { return pulse{s} }

type pulse struct{ source *Source }

// OnBrokerRead implements kgo.HookBrokerRead.
func (p pulse) OnBrokerRead(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err == nil && (key == int16(kmsg.Fetch) || key == int16(kmsg.Heartbeat)) {
		now := p.source.now()
		p.source.lastPoll.Store(&now)
	}
}
