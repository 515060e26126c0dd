package kafka

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lockforge/lockforge/executor/queue"
)

// lanes are the lanes of the partitions that the group gave us.
type lanes struct {
	source  *Source
	handler queue.Handler
	base    context.Context // of Run; the group's own end with each rebalance
	wanted  chan struct{}   // has an entry when something of interest waits for its commit

	mu          sync.Mutex
	client      *kgo.Client // known with the first assignment
	byPartition map[int32]*lane
}

// add gives an entry to its lane. One that has none belongs to a partition
// that is gone; its next owner gets it again.
func (l *lanes) add(partition int32, e entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if lane := l.byPartition[partition]; lane != nil {
		lane.add(e)
	}
}

func (l *lanes) all() []int32 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Collect(maps.Keys(l.byPartition))
}

// stop ends lanes and waits for them.
func (l *lanes) stop(partitions []int32) {
	l.mu.Lock()
	var ending []*lane
	for _, p := range partitions {
		if lane := l.byPartition[p]; lane != nil {
			ending = append(ending, lane)
			delete(l.byPartition, p)
		}
	}
	l.mu.Unlock()
	for _, lane := range ending {
		lane.cancel()
	}
	for _, lane := range ending {
		lane.end()
	}
}

func (l *lanes) assigned(_ context.Context, client *kgo.Client, got map[string][]int32) {
	l.stop(got[l.source.topic])
	l.mu.Lock()
	defer l.mu.Unlock()
	l.client = client
	for _, p := range got[l.source.topic] {
		l.byPartition[p] = newLane(l.base, l, p)
	}
}

// revoked ends the lanes and commits what they finished, while we still may.
func (l *lanes) revoked(ctx context.Context, client *kgo.Client, gone map[string][]int32) {
	l.stop(gone[l.source.topic])
	ctx, cancel := context.WithTimeout(ctx, closeWait)
	defer cancel()
	if err := client.CommitMarkedOffsets(ctx); err != nil {
		l.source.log.Warn("committing offsets of revoked partitions: what they cover is delivered again", "error", err)
	}
}

// lost ends the lanes of partitions that somebody else may own already.
func (l *lanes) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	l.stop(gone[l.source.topic])
	l.source.log.Warn("partitions were lost to the group; what was not committed is delivered again", "partitions", gone[l.source.topic])
}

// commit asks for a commit. What was taken is committed at once; offsets of
// other records wait for the client, which commits every commitEvery.
func (l *lanes) commit() {
	select {
	case l.wanted <- struct{}{}:
	default:
	}
}

// commits does what commit asks for until ctx ends.
func (l *lanes) commits(ctx context.Context, client *kgo.Client) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wanted:
		}
		if err := client.CommitMarkedOffsets(ctx); err != nil && ctx.Err() == nil {
			l.source.log.Warn("committing offsets; trying again", "error", err)
		}
	}
}

// committed notes commits that failed. The next one covers them.
func (l *lanes) committed(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
	if err == nil && response != nil {
		for _, t := range response.Topics {
			for _, p := range t.Partitions {
				if e := kerr.ErrorForCode(p.ErrorCode); e != nil {
					err = fmt.Errorf("partition %d: %w", p.Partition, e)
				}
			}
		}
	}
	if err != nil {
		l.source.log.Warn("committing offsets; trying again", "error", err)
	}
}

// pin turns the start of partitions that have no committed offset into a
// committed one. Otherwise a group that starts at the end and restarts before
// the first record would start at a later end, and miss what lies between.
func (l *lanes) pin(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	request.ReplicaID = -1
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = l.source.topic
	for p, offset := range offsets[l.source.topic] {
		if at := offset.EpochOffset().Offset; at < 0 {
			partition := kmsg.NewListOffsetsRequestTopicPartition()
			partition.Partition = p
			partition.Timestamp = at // -1 asks for the end, -2 for the start
			topic.Partitions = append(topic.Partitions, partition)
		}
	}
	if len(topic.Partitions) == 0 {
		return offsets, nil
	}
	request.Topics = append(request.Topics, topic)
	l.mu.Lock()
	client := l.client
	l.mu.Unlock()
	response, err := request.RequestWith(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("asking where %s ends: %w", l.source.topic, err)
	}
	first := map[int32]kgo.EpochOffset{}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("asking where partition %d of %s ends: %w", p.Partition, l.source.topic, err)
			}
			first[p.Partition] = kgo.EpochOffset{Epoch: -1, Offset: p.Offset}
			offsets[l.source.topic][p.Partition] = kgo.NewOffset().At(p.Offset)
		}
	}
	if len(first) != len(topic.Partitions) {
		return nil, fmt.Errorf("asking where %s ends: %d of %d partitions were answered", l.source.topic, len(first), len(topic.Partitions))
	}
	return offsets, l.commitStart(ctx, client, first)
}

// commitStart commits the first offsets of a group.
func (l *lanes) commitStart(ctx context.Context, client *kgo.Client, offsets map[int32]kgo.EpochOffset) error {
	var failed error
	byTopic := map[string]map[int32]kgo.EpochOffset{l.source.topic: offsets}
	client.MarkCommitOffsets(byTopic) // the client library expects what it commits to be marked
	client.CommitOffsetsSync(ctx, byTopic,
		func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
			failed = err
			if response == nil {
				return
			}
			for _, t := range response.Topics {
				for _, p := range t.Partitions {
					if failed == nil {
						failed = kerr.ErrorForCode(p.ErrorCode)
					}
				}
			}
		})
	if failed != nil {
		return fmt.Errorf("committing where group %s starts: %w", l.source.group, failed)
	}
	return nil
}
