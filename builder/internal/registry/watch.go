package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"
)

// errStalled is what a request ends with when it moved no byte for too long.
var errStalled error = stalled{}

type stalled struct{}

func (stalled) Error() string { return "the connection stalled" }
func (stalled) Timeout() bool { return true }

// watch ends requests that stall, in either direction. The time that the sender
// takes to read its own bytes, or the receiver to use what it got, is theirs.
type watch struct {
	inner http.RoundTripper
	limit time.Duration
}

func (w watch) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	clock := &clock{limit: w.limit, timer: time.AfterFunc(w.limit, func() { cancel(errStalled) })}
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
		err = stallOf(ctx, err)
		cancel(nil)
		return nil, err
	}
	response.Body = &receiving{response.Body, ctx, cancel, w.limit}
	return response, nil
}

// stallOf says that a request was ended for its stall, where it was.
func stallOf(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errStalled) {
		return errStalled
	}
	return err
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

type receiving struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
}

func (r *receiving) Read(p []byte) (int, error) {
	clock := time.AfterFunc(r.limit, func() { r.cancel(errStalled) })
	n, err := r.ReadCloser.Read(p)
	clock.Stop()
	if err != nil && err != io.EOF {
		err = stallOf(r.ctx, err)
	}
	return n, err
}

func (r *receiving) Close() error {
	defer r.cancel(nil)
	return r.ReadCloser.Close()
}
