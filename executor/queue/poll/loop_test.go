package poll_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/queue/poll"
)

func TestPause(t *testing.T) {
	other := errors.New("other")
	for _, tc := range []struct {
		interval time.Duration
		failures int
		err      error
		want     time.Duration // give or take a tenth
	}{
		{5 * time.Second, 0, nil, 5 * time.Second},
		{5 * time.Second, 1, other, 10 * time.Second},
		{5 * time.Second, 3, other, 40 * time.Second},
		{5 * time.Second, 1 << 40, other, poll.MaxPause},
		{5 * time.Minute, 3, other, 5 * time.Minute},
		{5 * time.Second, 1, &gms.Error{RetryAfter: 30 * time.Second}, 30 * time.Second},
		{5 * time.Second, 1, fmt.Errorf("polling: %w", &gms.Error{RetryAfter: 365 * 24 * time.Hour}), poll.MaxPause},
	} {
		for range 100 {
			got := poll.Pause(tc.interval, tc.failures, tc.err)
			if least, most := tc.want-tc.want/10, tc.want+tc.want/10+1; got < least || got > most {
				t.Errorf("after %d failures of %v: %s, want %s to %s", tc.failures, tc.err, got, least, most)
			}
		}
	}
}

func TestMemory(t *testing.T) {
	var m poll.Memory
	now := time.Unix(1000, 0)
	m.Keep("a", time.Time{})
	m.Keep("b", now.Add(time.Second))
	for _, tc := range []struct {
		id    string
		later time.Duration
		want  bool
	}{{"a", 0, true}, {"a", time.Hour, true}, {"b", 0, true}, {"b", time.Second, false}, {"c", 0, false}} {
		if got := m.Knows(tc.id, now.Add(tc.later)); got != tc.want {
			t.Errorf("knows %s after %s: %v", tc.id, tc.later, got)
		}
	}
	for i := range 10 * poll.MaxGeneration {
		m.Keep(fmt.Sprint(i), time.Time{})
		if i%1000 == 0 && !m.Knows("a", now) {
			t.Fatalf("forgot what was asked for all the time, after %d others", i)
		}
	}
	if m.Len() > 2*poll.MaxGeneration {
		t.Errorf("%d ids are kept", m.Len())
	}
	if m.Knows("0", now) {
		t.Error("the oldest has not gone")
	}
}
