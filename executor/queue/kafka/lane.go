package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/queue"
)

// How a lane waits.
const (
	// pauseAt and resumeAt are the waiting records of interest at which the
	// fetching of a partition pauses and goes on.
	pauseAt, resumeAt = 64, 16
	// backoffMin and backoffMax bound the pause after a handler's error.
	backoffMin, backoffMax = 100 * time.Millisecond, 30 * time.Second
	// complainEvery is the pause between two log entries about the same record.
	complainEvery = time.Minute
)

// lane delivers the records of one partition in their order, for the time of
// one assignment.
type lane struct {
	source    *Source
	handler   queue.Handler
	client    *kgo.Client
	partition int32
	cancel    context.CancelFunc
	done      chan struct{}
	commit    func()        // asks for a commit soon
	more      chan struct{} // has an entry when waiting may have grown

	mu      sync.Mutex
	waiting []entry
	paused  bool
}

// entry is a record, or a batch that cannot be read.
type entry struct {
	record *kgo.Record
	batch  *kgo.ErrDecompressTooLarge
}

// idle tells whether an entry stands for nothing but its offset.
func (e entry) idle() bool { return e.record != nil && e.record.Value == nil }

func newLane(ctx context.Context, l *lanes, partition int32) *lane {
	ctx, cancel := context.WithCancel(ctx)
	n := &lane{source: l.source, handler: l.handler, client: l.client, commit: l.commit, partition: partition, cancel: cancel, done: make(chan struct{}), more: make(chan struct{}, 1)}
	go n.run(ctx)
	return n
}

// add queues a record. Those that are of no interest lose their value, and of
// several in a row the last stays: it stands for the offset.
func (l *lane) add(e entry) {
	if e.record != nil && !concerns(e.record.Value) {
		e.record.Key, e.record.Value, e.record.Headers = nil, nil, nil
	}
	l.mu.Lock()
	last := len(l.waiting) - 1
	if e.idle() && last >= 0 && l.waiting[last].idle() {
		l.waiting[last] = e
	} else {
		l.waiting = append(l.waiting, e)
	}
	if len(l.waiting) >= pauseAt && !l.paused {
		l.paused = true
		l.client.PauseFetchPartitions(l.place())
	}
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// next takes the oldest entry; false when ctx ends.
func (l *lane) next(ctx context.Context) (entry, bool) {
	for ctx.Err() == nil {
		l.mu.Lock()
		if len(l.waiting) > 0 {
			e := l.waiting[0]
			l.waiting[0] = entry{}
			l.waiting = l.waiting[1:]
			if len(l.waiting) <= resumeAt && l.paused {
				l.paused = false
				l.client.ResumeFetchPartitions(l.place())
			}
			l.mu.Unlock()
			return e, true
		}
		l.waiting = nil
		l.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-l.more:
		}
	}
	return entry{}, false
}

func (l *lane) place() map[string][]int32 {
	return map[string][]int32{l.source.topic: {l.partition}}
}

func (l *lane) run(ctx context.Context) {
	defer close(l.done)
	for e, ok := l.next(ctx); ok; e, ok = l.next(ctx) {
		switch {
		case e.batch != nil:
			l.pass(e.batch)
		case l.deliver(ctx, e.record):
			l.client.MarkCommitRecords(e.record)
			if !e.idle() {
				l.commit()
			}
		default:
			return
		}
	}
}

// pass goes on behind a batch that becomes too big when decompressed. All that
// stood before it is delivered: the client has not fetched since.
func (l *lane) pass(batch *kgo.ErrDecompressTooLarge) {
	l.source.log.Error("passing over a batch of records that becomes too big when decompressed",
		"topic", batch.Topic, "partition", batch.Partition, "offset", batch.Offset, "next", batch.NextOffset, "limit", l.source.batch)
	l.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{batch.Topic: {batch.Partition: {Epoch: batch.Epoch, Offset: batch.NextOffset}}})
}

// end stops the lane and returns when its handler has returned.
func (l *lane) end() {
	l.cancel()
	<-l.done
	l.client.ResumeFetchPartitions(l.place())
}

// deliver hands a record over, again and again until it is taken. It returns
// false when ctx ended first.
func (l *lane) deliver(ctx context.Context, record *kgo.Record) bool {
	log := l.source.log.With("topic", record.Topic, "partition", record.Partition, "offset", record.Offset)
	since := l.source.now()
	complained := time.Time{}
	counted := false
	for pause := backoffMin; ; pause = min(2*pause, backoffMax) {
		ours, err := l.try(ctx, record)
		if ours && !counted {
			counted = true
			l.source.read(0, 1)
		}
		switch {
		case err == nil:
			return true
		case errors.Is(err, errPoison):
			log.Error("passing over an event that cannot be read", "error", err)
			return true
		case errors.Is(err, errUnknownSchema) && l.source.now().Sub(since) >= l.source.stale:
			log.Error("passing over an event whose schema nobody knows", "error", err)
			return true
		case ctx.Err() != nil:
			return false
		}
		if now := l.source.now(); now.Sub(complained) >= complainEvery {
			complained = now
			log.Warn("an event was not taken; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause/2 + rand.N(pause/2)):
		}
	}
}

// try reads a record and hands over what it asks for. ours says that it is a
// request or a signal, of whatever pool.
func (l *lane) try(ctx context.Context, record *kgo.Record) (ours bool, err error) {
	if record.Value == nil {
		return false, nil
	}
	e, err := read(ctx, record.Value, l.source.schemas.schema)
	switch {
	case err != nil:
		return false, err
	case e.request != nil && l.source.filter.Match(*e.request):
		e.request.Via = Name
		err = l.handler.Request(ctx, *e.request)
	case e.signal != nil && l.source.filter.MatchSignal(*e.signal):
		e.signal.Via = Name
		err = l.handler.Signal(ctx, *e.signal)
	}
	return e.request != nil || e.signal != nil, err
}
