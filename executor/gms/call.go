package gms

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/lockforge/lockforge/executor/gms/auth"
)

// call is one request, which may be made several times.
type call struct {
	op     string
	method string
	path   string // below the base, escaped
	query  url.Values
	body   []byte
	limit  int64 // of the answer, in bytes; 0 is maxAnswer
	// judge finds errors that the server reports with status 200.
	judge func(*answer) *Error
}

func (c call) bound() int64 {
	if c.limit == 0 {
		return maxAnswer
	}
	return c.limit
}

// answer is a complete answer.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// do makes the call until it succeeds, fails for good, or may not be repeated
// any more.
func (c *Client) do(ctx context.Context, call call) (*answer, error) {
	renewed := false
	for attempt := 1; ; attempt++ {
		a, failure := c.once(ctx, call)
		if failure == nil {
			return a, nil
		}
		failure.Op, failure.Attempts = call.op, attempt
		if failure.Kind == Unauthorized && failure.Status != 0 && !renewed {
			renewed = true // the credential may have been revoked or rotated
			c.auth.Invalidate()
			continue
		}
		if failure.Kind != Unavailable || failure.final || attempt > c.retries || ctx.Err() != nil {
			return nil, failure
		}
		pause := max(c.backoff(attempt), failure.RetryAfter)
		if failure.RetryAfter > maxPause || !sleep(ctx, pause) {
			return nil, failure
		}
	}
}

// backoff is the time after an attempt: doubled each time, and anything from
// half of it on, so that many executors do not come back at the same moment.
func (c *Client) backoff(attempt int) time.Duration {
	pause := min(c.pause<<min(attempt-1, 16), maxPause)
	return pause/2 + time.Duration(c.jitter()*float64(pause/2))
}

// sleep waits unless the context ends or is known to end before.
func sleep(ctx context.Context, d time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// once makes one attempt.
func (c *Client) once(ctx context.Context, call call) (*answer, *Error) {
	credential, err := c.auth.Header(ctx)
	if err != nil {
		kind := Unauthorized
		if errors.Is(err, auth.ErrUnavailable) {
			kind = Unavailable
		}
		return nil, &Error{Kind: kind, Detail: clip(err.Error()), err: err}
	}
	limited, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := c.request(limited, call, credential)
	if err != nil {
		return nil, &Error{Kind: Rejected, Detail: "the request cannot be made", err: err}
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unanswered(err, response, credential)
	}
	defer response.Body.Close()
	c.hear(response.Header)
	body, err := io.ReadAll(io.LimitReader(response.Body, call.bound()+1))
	if err != nil {
		return nil, c.unanswered(err, response, credential)
	}
	a := &answer{response.StatusCode, response.Header, body}
	return c.judge(a, call, credential)
}

func (c *Client) request(ctx context.Context, call call, credential string) (*http.Request, error) {
	u := c.base.JoinPath(call.path)
	u.RawQuery = call.query.Encode()
	var body io.Reader
	if call.body != nil {
		body = bytes.NewReader(call.body)
	}
	request, err := http.NewRequestWithContext(ctx, call.method, u.String(), body)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", c.agent)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("X-RestLi-Protocol-Version", "2.0.0")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if credential != "" {
		request.Header.Set("Authorization", credential)
	}
	return request, nil
}

// judge separates answers from errors.
func (c *Client) judge(a *answer, call call, credential string) (*answer, *Error) {
	switch {
	case int64(len(a.body)) > call.bound():
		return nil, &Error{Kind: Protocol, Status: a.status, Detail: "the answer is longer than GMS would make it"}
	case a.status < 200 || a.status > 299:
		return nil, c.refused(a, credential)
	case call.judge == nil:
		return a, nil
	}
	if failure := call.judge(a); failure != nil {
		failure.Status = a.status
		failure.Detail = clip(redact(failure.Detail, credential))
		return nil, failure
	}
	return a, nil
}
