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
// RFC 9110 section 10.2.3. One gate serves all connections to a registry.
type gate struct {
	inner http.RoundTripper
	mu    sync.Mutex
	until time.Time
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	g.mu.Lock()
	wait := time.Until(g.until)
	g.mu.Unlock()
	if wait > 0 {
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
	}
	response, err := g.inner.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	switch response.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if wait := retryAfter(response.Header.Get("Retry-After"), time.Now()); wait > 0 {
			g.mu.Lock()
			g.until = time.Now().Add(wait)
			g.mu.Unlock()
		}
	}
	return response, nil
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
