package kafka_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/executor/queue/kafka"
)

// put writes requests to partitions in turn and returns their ids.
func (w *world) put(prefix string, partitions, count int) []string {
	w.t.Helper()
	var ids []string
	for i := range count {
		id := fmt.Sprintf("%s-%03d", prefix, i)
		if err := w.topic.Put(i%partitions, w.event(id, nil)); err != nil {
			w.t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestStart(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	before := w.put("before", 1, 3)
	for at, want := range map[string][]string{kafka.Latest: nil, kafka.Earliest: before} {
		t.Run(at, func(t *testing.T) {
			o, k := w.options(), &taker{}
			o.StartAt, o.Group = at, "group-"+at+w.topic.Name
			_, stop := w.start(o, k)
			// A group that starts at the end has an offset before it has a record.
			eventually(t, func() error {
				if _, ok := w.topic.Committed(t, o.Group)[0]; !ok {
					return errors.New("no offset is committed")
				}
				return nil
			})
			if at == kafka.Earliest {
				k.await(t, want...)
			}
			stop()
			missed := w.put("missed-by-"+at, 1, 2)
			again := &taker{}
			w.start(o, again)
			again.await(t, missed...)
			got := append(k.list(), again.list()...)
			got = slices.DeleteFunc(got, func(id string) bool {
				return strings.HasPrefix(id, "missed") && !slices.Contains(missed, id)
			})
			if diff := cmp.Diff(append(slices.Clone(want), missed...), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestARefusedRequestHoldsUpItsPartitionOnly(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 2)
	ids := w.put("run", 2, 10) // even ones in partition 0
	var mu sync.Mutex
	open, tries := false, 0
	k := &taker{refuse: func(id string) error {
		mu.Lock()
		defer mu.Unlock()
		if id == "run-004" && !open {
			tries++
			return errRefused
		}
		return nil
	}}
	o := w.options()
	w.start(o, k)
	k.await(t, "run-000", "run-002", "run-001", "run-003", "run-005", "run-007", "run-009")
	w.awaitCommitted(o, map[int32]int64{0: 2, 1: 5})
	eventually(t, func() error {
		mu.Lock()
		defer mu.Unlock()
		if tries < 3 {
			return fmt.Errorf("%d tries", tries)
		}
		return nil
	})
	w.awaitCommitted(o, map[int32]int64{0: 2, 1: 5})
	if !w.notes.has("not taken", "offset=2", "refused") {
		t.Errorf("logged:\n%s", w.notes)
	}
	mu.Lock()
	open = true
	mu.Unlock()
	k.await(t, ids...)
	w.awaitCommitted(o, map[int32]int64{0: 5, 1: 5})
	if diff := cmp.Diff([]string{"run-000", "run-002", "run-004", "run-006", "run-008"}, even(k.list())); diff != "" {
		t.Error(diff)
	}
}

func even(ids []string) []string {
	return slices.DeleteFunc(ids, func(id string) bool { return (id[len(id)-1]-'0')%2 == 1 })
}

func TestDuplicatesAndABackloggedPartition(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 1)
	same, noise := w.event("same", nil), []byte("a change of something else")
	var records []*kgo.Record
	for range 10 {
		records = append(records, &kgo.Record{Value: same})
		for range 100 {
			records = append(records, &kgo.Record{Value: noise})
		}
	}
	if err := w.topic.Write(records...); err != nil {
		t.Fatal(err)
	}
	ids := w.put("run", 1, 300) // more than a lane lets wait
	o, k := w.options(), &taker{refuse: func(string) error { time.Sleep(time.Millisecond); return nil }}
	w.start(o, k)
	k.await(t, ids...)
	want := append(slices.Repeat([]string{"same"}, 10), ids...)
	if diff := cmp.Diff(want, k.list()); diff != "" {
		t.Error(diff)
	}
	w.awaitCommitted(o, map[int32]int64{0: 10*101 + 300})
}

func TestRebalanceLosesNothing(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 4)
	o := w.options()
	first, second := &taker{}, &taker{}
	_, stopFirst := w.start(o, first)
	ids := w.put("alone", 4, 40)
	first.await(t, ids...)
	_, stopSecond := w.start(o, second)
	var n int
	eventually(t, func() error { // both own partitions
		ids = append(ids, w.put(fmt.Sprintf("both-%d", n), 4, 8)...)
		n++
		if len(second.list()) == 0 {
			return errors.New("the second has nothing")
		}
		return nil
	})
	stopFirst()
	ids = append(ids, w.put("second", 4, 40)...)
	_, stopThird := w.start(o, first)
	ids = append(ids, w.put("third", 4, 40)...)
	stopSecond()
	ids = append(ids, w.put("last", 4, 40)...)
	both := func() map[string]int {
		count := map[string]int{}
		for _, id := range append(first.list(), second.list()...) {
			count[id]++
		}
		return count
	}
	eventually(t, func() error {
		for _, id := range ids {
			if both()[id] == 0 {
				return fmt.Errorf("%s is missing", id)
			}
		}
		return nil
	})
	stopThird()
	twice := 0
	for _, n := range both() {
		twice += n - 1
	}
	if twice > 0 { // every stop was in order, and every lane ended before it gave its partition away
		t.Errorf("%d of %d requests were delivered twice", twice, len(ids))
	}
	if sum := total(w.topic.Committed(t, o.Group)); sum != int64(len(ids)) {
		t.Errorf("committed %d of %d", sum, len(ids))
	}
}

func total(offsets map[int32]int64) (sum int64) {
	for offset := range maps.Values(offsets) {
		sum += offset
	}
	return sum
}

func TestAPartitionTakenAwayWaitsForItsHandler(t *testing.T) {
	w := newWorld(t, kafkatest.Shared(t), 2)
	o := w.options()
	var mu sync.Mutex
	held := true
	stuck := &taker{refuse: func(id string) error {
		mu.Lock()
		defer mu.Unlock()
		if held {
			return errRefused
		}
		return nil
	}}
	w.start(o, stuck)
	ids := w.put("run", 2, 10)
	other := &taker{}
	w.start(o, other)
	// One partition moves; what the first could not take, the second takes.
	eventually(t, func() error {
		if len(other.list()) < 5 {
			return fmt.Errorf("the second has %d", len(other.list()))
		}
		return nil
	})
	mu.Lock()
	held = false
	mu.Unlock()
	eventually(t, func() error {
		if got := append(stuck.list(), other.list()...); len(got) < len(ids) {
			return fmt.Errorf("%d of %d", len(got), len(ids))
		}
		return nil
	})
	w.awaitCommitted(o, map[int32]int64{0: 5, 1: 5})
}
