// Package stall ends requests whose line has gone silent.
package stall

import (
	"context"
	"errors"
	"io"
	"time"
)

// Err is what a request ends with that moved no byte for too long.
var Err error = stalled{}

type stalled struct{}

func (stalled) Error() string { return "the connection stalled" }
func (stalled) Timeout() bool { return true }

// Of returns Err for the error of a request that was cancelled with it, and
// every other error as it is.
func Of(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), Err) {
		return Err
	}
	return err
}

// body is an answer that fails instead of hanging.
type body struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	limit  time.Duration
}

// Body watches the body of a request's answer: each Read has to bring something
// within the limit, or fails with Err. The time between Reads is the reader's.
// ctx is the request's, and cancel ends it; Close does so too.
func Body(ctx context.Context, cancel context.CancelCauseFunc, inner io.ReadCloser, limit time.Duration) io.ReadCloser {
	return &body{inner, ctx, cancel, limit}
}

func (b *body) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.limit, func() { b.cancel(Err) })
	n, err := b.ReadCloser.Read(p)
	timer.Stop()
	if err != nil && err != io.EOF {
		err = Of(b.ctx, err)
	}
	return n, err
}

func (b *body) Close() error {
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}
