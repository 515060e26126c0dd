package kafka_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue/kafka"
)

func TestCompactedTopic(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	w.topic = w.broker.Topic(t, 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "100", "min.cleanable.dirty.ratio": "0.001", "min.compaction.lag.ms": "0",
	})
	keyed := func(id string) *kgo.Record { return &kgo.Record{Key: []byte(id), Value: w.event(id, nil)} }
	for range 3 { // the same three runs, again and again
		if err := w.topic.Write(keyed("a"), keyed("b"), keyed("c")); err != nil {
			t.Fatal(err)
		}
	}
	// Written later, the last record closes the segment of the others.
	n, first := 0, &taker{}
	eventually(t, func() error {
		n++
		if err := w.topic.Write(keyed(fmt.Sprintf("later-%d", n))); err != nil {
			t.Fatal(err)
		}
		first = &taker{}
		o := w.options()
		o.Group = fmt.Sprintf("%s-%d", o.Group, n)
		_, stop := w.start(o, first)
		first.await(t, fmt.Sprintf("later-%d", n))
		stop()
		if got := w.topic.Committed(t, o.Group)[0]; got != int64(9+n) {
			t.Errorf("committed %d of %d", got, 9+n)
		}
		if slices.Index(first.list(), "later-1") > 3 {
			return errors.New("not compacted yet")
		}
		return nil
	})
	if diff := cmp.Diff([]string{"a", "b", "c"}, first.list()[:3]); diff != "" {
		t.Error(diff)
	}
}

func TestAnOffsetThatIsGone(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	o, k := w.options(), &taker{}
	w.put("old", 1, 5)
	_, stop := w.start(o, k)
	k.await(t, "old-004")
	w.awaitCommitted(o, map[int32]int64{0: 5})
	stop()
	w.put("gone", 1, 5)
	if err := w.topic.DeleteBefore(0, 8); err != nil {
		t.Fatal(err)
	}
	w.start(o, k)
	k.await(t, "gone-003", "gone-004")
	if diff := cmp.Diff([]string{"old-000", "old-001", "old-002", "old-003", "old-004", "gone-003", "gone-004"}, k.list()); diff != "" {
		t.Error(diff)
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	for name, tc := range map[string]struct {
		change func(*kafka.Options)
		want   []string
	}{
		"all right":            {func(*kafka.Options) {}, nil},
		"no topic":             {func(o *kafka.Options) { o.Topic = "nowhere" }, []string{"nowhere", "UNKNOWN_TOPIC"}},
		"no registry":          {func(o *kafka.Options) { o.RegistryURL = "http://127.0.0.1:1/" }, []string{"schema registry"}},
		"a registry elsewhere": {func(o *kafka.Options) { o.RegistryURL = w.gms.URL() + "/elsewhere" }, []string{"404", "path"}},
		"no broker":            {func(o *kafka.Options) { o.Brokers = []string{"127.0.0.1:1"} }, []string{"broker"}},
		"nothing": {func(o *kafka.Options) {
			o.Brokers, o.RegistryURL = []string{"127.0.0.1:1"}, "http://127.0.0.1:1/"
		}, []string{"broker", "registry"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options()
			tc.change(&o)
			source, err := kafka.New(o)
			if err != nil {
				t.Fatal(err)
			}
			err = source.Check(t.Context())
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("error %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
		})
	}
}

func TestRunsOnceAtATime(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	o, k := w.options(), &taker{}
	w.put("run", 1, 1)
	source, stop := w.start(o, k)
	k.await(t, "run-000")
	if err := source.Run(t.Context(), k); err == nil {
		t.Error("it runs twice")
	}
	stop()
	w.put("more", 1, 1)
	w.run(source, k)
	k.await(t, "more-000")
	if diff := cmp.Diff([]string{"run-000", "more-000"}, k.list()); diff != "" {
		t.Error(diff)
	}
}
