package image

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

const (
	// defaultPatience is how long a push waits for a registry that is there and
	// cannot serve: restarts and failovers take that long.
	defaultPatience = 3 * time.Minute
	// pause is the time between attempts.
	pause = 5 * time.Second
	// maxRetryAfter bounds the wait that a registry may ask for.
	maxRetryAfter = 2 * time.Minute
)

// link is the connection of a push to its registry.
type link struct {
	options  []remote.Option
	patience time.Duration
	mu       sync.Mutex
	pusher   *remote.Pusher
}

func newLink(o Options) (*link, error) {
	l := &link{options: remoteOptions(o), patience: cmp.Or(o.Patience, defaultPatience)}
	var err error
	l.pusher, err = remote.NewPusher(l.options...)
	return l, err
}

// insist repeats an operation for as long as the registry answers that it
// cannot serve now, and patience allows. An operation that a registry refuses,
// or that finds nobody, is not repeated: waiting mends neither.
func (l *link) insist(ctx context.Context, operation func(*remote.Pusher) error) error {
	deadline := time.Now().Add(l.patience)
	wait := min(pause, max(l.patience/10, 0))
	for {
		pusher := l.current()
		err := operation(pusher)
		if !busy(err) || time.Now().Add(wait).After(deadline) || sleep(ctx, wait) != nil {
			return err
		}
		if errNew := l.renew(pusher); errNew != nil {
			return errNew
		}
	}
}

func (l *link) current() *remote.Pusher {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pusher
}

// renew takes the place of a pusher that failed: it remembers what the first
// answer of its registry was.
func (l *link) renew(failed *remote.Pusher) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pusher != failed {
		return nil
	}
	next, err := remote.NewPusher(l.options...)
	if err == nil {
		l.pusher = next
	}
	return err
}

// busy says that a registry answered, and that it may answer otherwise later.
func busy(err error) bool {
	var status *transport.Error
	if !errors.As(err, &status) {
		return false
	}
	switch status.StatusCode {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gate holds requests back for as long as a registry asked for by Retry-After,
// RFC 9110 section 10.2.3. One gate serves all connections to a registry.
type gate struct {
	inner http.RoundTripper
	mu    sync.Mutex
	until time.Time
}

func newGate(inner http.RoundTripper) *gate {
	if inner == nil {
		inner = remote.DefaultTransport
	}
	return &gate{inner: inner}
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
