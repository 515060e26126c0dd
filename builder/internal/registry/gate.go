package registry

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// maxRetryAfter bounds the wait that a registry may ask for.
const maxRetryAfter = 2 * time.Minute

// gate holds requests back for as long as a registry asked for by Retry-After,
// RFC 9110 section 10.2.3. At first, and after such a wait, one request goes
// ahead of the others, so that not all are told to come back. One gate serves
// all connections to a registry.
type gate struct {
	inner http.RoundTripper

	mu    sync.Mutex
	until time.Time     // what was asked for
	open  bool          // the last answer asked for nothing
	ahead chan struct{} // closed when the request that went ahead is answered; nil: none does
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	ahead, err := g.pass(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	response, err := g.inner.RoundTrip(r)
	g.heed(response, ahead)
	return response, err
}

// pass waits until a request may be sent, and says whether it goes ahead.
func (g *gate) pass(r *http.Request) (ahead bool, err error) {
	for {
		g.mu.Lock()
		wait, open, other := time.Until(g.until), g.open, g.ahead
		if ahead = wait <= 0 && !open && other == nil; ahead {
			g.ahead = make(chan struct{})
		}
		g.mu.Unlock()
		switch {
		case wait > 0:
			if err := sleep(r.Context(), wait); err != nil {
				return false, err
			}
		case open || ahead:
			return ahead, nil
		default:
			select {
			case <-other:
			case <-r.Context().Done():
				return false, r.Context().Err()
			}
		}
	}
}

// heed notes what an answer asks for, or that there is none: nil.
func (g *gate) heed(response *http.Response, ahead bool) {
	now := time.Now()
	var wait time.Duration
	if response != nil && (response.StatusCode == http.StatusTooManyRequests || response.StatusCode == http.StatusServiceUnavailable) {
		wait = retryAfter(response.Header.Get("Retry-After"), now)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case wait > 0:
		g.open, g.until = false, now.Add(wait)
	case response != nil && !now.Before(g.until): // else it was sent before the wait was asked for
		g.open = true
	}
	if ahead {
		close(g.ahead)
		g.ahead = nil
	}
}

// retryAfter reads seconds or a date; 0 is neither.
func retryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.Atoi(text); err == nil {
		wait = time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(text); err == nil {
		wait = date.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}
