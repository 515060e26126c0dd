package index

import (
	"context"
	"errors"
	"io"
	"time"
)

// watched is a response body that fails instead of hanging: each Read must
// bring something within the timeout. The time between Reads does not count.
type watched struct {
	body    io.ReadCloser
	keys    *keyring
	ctx     context.Context
	cancel  context.CancelCauseFunc
	timeout time.Duration
}

func (w *watched) Read(p []byte) (int, error) {
	timer := time.AfterFunc(w.timeout, func() { w.cancel(errStalled) })
	n, err := w.body.Read(p)
	timer.Stop()
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if errors.Is(context.Cause(w.ctx), errStalled) {
		err = errStalled
	}
	return n, w.keys.transport(err)
}

func (w *watched) Close() error {
	err := w.body.Close()
	w.cancel(nil)
	return err
}
