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
	answered, err := g.pass(r)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	response, err := g.inner.RoundTrip(r)
	answered(response)
	return response, err
}

// pass waits until a request may be sent. What it returns wants the answer, or
// nil where there is none.
func (g *gate) pass(r *http.Request) (answered func(*http.Response), err error) {
	for {
		g.mu.Lock()
		wait, ahead := time.Until(g.until), g.ahead
		switch {
		case wait > 0:
			g.mu.Unlock()
			if err := sleep(r.Context(), wait); err != nil {
				return nil, err
			}
		case g.open:
			g.mu.Unlock()
			return g.heed, nil
		case ahead == nil:
			done := make(chan struct{})
			g.ahead = done
			g.mu.Unlock()
			return func(response *http.Response) {
				g.heed(response)
				g.mu.Lock()
				g.ahead = nil
				g.mu.Unlock()
				close(done)
			}, nil
		default:
			g.mu.Unlock()
			select {
			case <-ahead:
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		}
	}
}

// heed notes what an answer asks for.
func (g *gate) heed(response *http.Response) {
	if response == nil {
		return
	}
	var wait time.Duration
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		wait = retryAfter(response.Header.Get("Retry-After"), time.Now())
	}
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case wait > 0:
		g.open, g.until = false, now.Add(wait)
	case !now.Before(g.until): // else it was sent before the wait was asked for
		g.open = true
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
