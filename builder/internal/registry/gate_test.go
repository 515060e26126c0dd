package registry

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"":            0,
		"20":          20 * time.Second,
		"-5":          0,
		"soon":        0,
		"86400":       maxRetryAfter,
		"99999999999": maxRetryAfter,
		now.Add(9 * time.Second).Format(http.TimeFormat): 9 * time.Second,
		now.Add(-time.Hour).Format(http.TimeFormat):      0,
		now.Add(time.Hour).Format(http.TimeFormat):       maxRetryAfter,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// busyRegistry asks for a pause until it is over, and takes a second to answer.
type busyRegistry struct {
	over time.Time

	mu    sync.Mutex
	asked []time.Duration // since the beginning
	begun time.Time
}

func (b *busyRegistry) RoundTrip(*http.Request) (*http.Response, error) {
	b.mu.Lock()
	b.asked = append(b.asked, time.Since(b.begun))
	b.mu.Unlock()
	time.Sleep(time.Second)
	if time.Now().Before(b.over) {
		return &http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"20"}}}, nil
	}
	return &http.Response{StatusCode: http.StatusOK}, nil
}

// insist sends requests side by side until each has its answer.
func insist(t *testing.T, g *gate, requests int) {
	var group sync.WaitGroup
	for range requests {
		group.Go(func() {
			for status := 0; status != http.StatusOK; {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry.test/", nil)
				if err != nil {
					t.Error(err)
					return
				}
				answer, err := g.RoundTrip(r)
				if err != nil {
					t.Error(err)
					return
				}
				status = answer.StatusCode
			}
		})
	}
	group.Wait()
}

// However many requests wait, one goes ahead: in each pause the registry hears
// the one that it answers by it.
func TestOneRequestGoesAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &busyRegistry{begun: time.Now(), over: time.Now().Add(30 * time.Second)}
		g := &gate{inner: b}
		insist(t, g, 8)
		after := map[time.Duration]int{}
		for _, at := range b.asked {
			after[at]++
		}
		want := map[time.Duration]int{0: 1, 21 * time.Second: 1, 42 * time.Second: 1, 43 * time.Second: 7}
		for at, n := range want {
			if after[at] != n {
				t.Errorf("%d requests after %s, want %d; all: %v", after[at], at, n, b.asked)
			}
		}
		if len(b.asked) != 10 {
			t.Errorf("%d requests: %v", len(b.asked), b.asked)
		}
		// Once it has answered, a pause finds those that are under way, and no others.
		b.over, b.asked = time.Now().Add(30*time.Second), nil
		insist(t, g, 4)
		if n := len(b.asked); n != 4+1+1+3 {
			t.Errorf("%d requests: %v", n, b.asked)
		}
	})
}

// Who is called off while another request is ahead does not wait for it.
func TestWaitingIsCalledOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gate{inner: &busyRegistry{over: time.Now().Add(time.Hour)}}
		first, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://registry.test/", nil)
		if err != nil {
			t.Fatal(err)
		}
		var ahead sync.WaitGroup
		defer ahead.Wait()
		ahead.Go(func() { _, _ = g.RoundTrip(first) })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := g.RoundTrip(first.Clone(ctx)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v", err)
		}
	})
}
