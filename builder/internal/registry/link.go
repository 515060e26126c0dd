package registry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/lockforge/lockforge/builder/internal/stall"
)

// pause is the time between attempts.
const pause = 5 * time.Second

// Link is a connection to a registry that is insisted on.
type Link struct {
	options  []remote.Option
	patience time.Duration
	mu       sync.Mutex
	client   *client
}

// client is what go-containerregistry remembers of a registry, such as tokens.
type client struct {
	pusher *remote.Pusher
	puller *remote.Puller
}

// Connect prepares a connection; nothing is sent yet.
func Connect(o Options) (*Link, error) {
	l := &Link{options: Remote(o), patience: o.Patience}
	var err error
	l.client, err = l.dial()
	return l, err
}

func (l *Link) dial() (*client, error) {
	pusher, err := remote.NewPusher(l.options...)
	if err != nil {
		return nil, err
	}
	puller, err := remote.NewPuller(l.options...)
	return &client{pusher, puller}, err
}

// Insist does an operation with the options of this connection, and repeats it
// for as long as patience allows and another attempt may end better: the
// registry answers that it cannot serve now, the connection breaks or stalls
// under way, or a blob arrived damaged. What a registry refuses, and where
// nobody is found, is not repeated: waiting mends neither. The operation must
// be one that may be done twice.
func (l *Link) Insist(ctx context.Context, operation func(with ...remote.Option) error) error {
	deadline := time.Now().Add(l.patience)
	wait := min(pause, max(l.patience/10, 0))
	for {
		c := l.current()
		err := operation(remote.WithContext(ctx), remote.Reuse(c.pusher), remote.Reuse(c.puller))
		if !passing(err) || time.Now().Add(wait).After(deadline) || sleep(ctx, wait) != nil {
			return err
		}
		if errNew := l.renew(c); errNew != nil {
			return errNew
		}
	}
}

func (l *Link) current() *client {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.client
}

// renew takes the place of a client that failed: it remembers what the first
// answer of its registry was.
func (l *Link) renew(failed *client) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.client != failed {
		return nil
	}
	next, err := l.dial()
	if err == nil {
		l.client = next
	}
	return err
}

// passing says that the same request may end better later.
func passing(err error) bool {
	var status *transport.Error
	if errors.As(err, &status) {
		return busy(status.StatusCode) || slices.ContainsFunc(status.Errors, damaged)
	}
	return errors.Is(err, stall.Err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// busy says that a registry answered, and that it may answer otherwise later.
func busy(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// damaged says that a blob did not arrive as it was sent, or its upload was
// forgotten. That the sender's own bytes are right is the sender's business.
func damaged(d transport.Diagnostic) bool {
	switch d.Code {
	case transport.DigestInvalidErrorCode, transport.SizeInvalidErrorCode, transport.BlobUploadInvalidErrorCode, transport.BlobUploadUnknownErrorCode:
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
