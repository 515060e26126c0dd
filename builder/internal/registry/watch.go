package registry

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/lockforge/lockforge/builder/internal/stall"
)

// watch ends requests that stall, in either direction. The time that the sender
// takes to read its own bytes, or the receiver to use what it got, is theirs.
type watch struct {
	inner http.RoundTripper
	limit time.Duration
}

func (w watch) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	clock := &clock{limit: w.limit, timer: time.AfterFunc(w.limit, func() { cancel(stall.Err) })}
	sent := r.WithContext(ctx)
	if r.Body != nil && r.Body != http.NoBody {
		sent.Body = &sending{r.Body, clock}
	}
	if r.GetBody != nil { // a connection that had died is replaced by the transport itself
		sent.GetBody = func() (io.ReadCloser, error) {
			body, err := r.GetBody()
			if err != nil {
				return nil, err
			}
			return &sending{body, clock}, nil
		}
	}
	response, err := w.inner.RoundTrip(sent)
	clock.end()
	if err != nil {
		err = stall.Of(ctx, err)
		cancel(nil)
		return nil, err
	}
	response.Body = stall.Body(ctx, cancel, response.Body, w.limit)
	return response, nil
}

// clock runs while a request waits for its line.
type clock struct {
	limit time.Duration
	mu    sync.Mutex
	timer *time.Timer
	ended bool // the answer is there: what is still sent counts no longer
}

func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
}

func (c *clock) start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.ended {
		c.timer.Reset(c.limit)
	}
}

func (c *clock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	c.timer.Stop()
}

type sending struct {
	io.ReadCloser
	clock *clock
}

func (s *sending) Read(p []byte) (int, error) {
	s.clock.stop()
	n, err := s.ReadCloser.Read(p)
	s.clock.start()
	return n, err
}
