package debian

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// Getter fetches one address from an offset on; the second result is the
// number of bytes that follow, -1 when unknown. The package index client has
// the same method.
type Getter interface {
	Get(ctx context.Context, url string, offset int64) (io.ReadCloser, int64, error)
}

// errGone is matched when the mirror answers that it has no such file.
var errGone = errors.New("not on the mirror")

// Client is a Getter over net/http that retries what may pass.
type Client struct {
	HTTP    *http.Client
	Retries int           // attempts after the first
	Wait    time.Duration // before the first retry; doubles
}

// NewClient returns a Client with time limits on everything but the body.
func NewClient() *Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &Client{HTTP: &http.Client{Transport: transport}, Retries: 3, Wait: 200 * time.Millisecond}
}

// Get implements Getter. Errors are fault.Network and never show credentials.
func (c *Client) Get(ctx context.Context, address string, offset int64) (io.ReadCloser, int64, error) {
	wait := c.Wait
	for attempt := 0; ; attempt++ {
		body, size, retry, err := c.try(ctx, address, offset)
		if err == nil || !retry || attempt >= c.Retries {
			return body, size, err
		}
		select {
		case <-ctx.Done():
			return nil, 0, fault.Wrap(fault.Cancelled, ctx.Err(), "fetching %s", redact(address))
		case <-time.After(wait):
		}
		wait *= 2
	}
}

func (c *Client) try(ctx context.Context, address string, offset int64) (body io.ReadCloser, size int64, retry bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, 0, false, fault.New(fault.Network, "address %s is not valid", redact(address))
	}
	// Without this a server may compress the transfer, and sizes and ranges
	// would not be the file's.
	request.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		request.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
	}
	response, err := c.HTTP.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // its text would repeat the address with the password
		}
		return nil, 0, ctx.Err() == nil, fault.Wrap(fault.Network, err, "fetching %s", redact(address))
	}
	switch code := response.StatusCode; {
	case code == http.StatusOK && offset == 0, code == http.StatusPartialContent && offset > 0:
		return response.Body, response.ContentLength, false, nil
	case code == http.StatusOK:
		// The server ignores ranges: skip what is there already.
		if _, err := io.CopyN(io.Discard, response.Body, offset); err != nil {
			response.Body.Close()
			return nil, 0, true, fault.Wrap(fault.Network, err, "skipping to %d in %s", offset, redact(address))
		}
		return response.Body, max(response.ContentLength-offset, -1), false, nil
	case code == http.StatusNotFound || code == http.StatusGone:
		response.Body.Close()
		return nil, 0, false, fault.Wrap(fault.Network, errGone, "fetching %s", redact(address)).
			Hint("mirrors keep only the current version of a package: lock again, or use a mirror with snapshots or a bundle")
	default:
		response.Body.Close()
		retry := code == http.StatusRequestTimeout || code == http.StatusTooManyRequests || code >= 500
		return nil, 0, retry, fault.New(fault.Network, "fetching %s: %s", redact(address), response.Status)
	}
}

// redact removes the credentials of an address.
func redact(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(unreadable address)"
	}
	u.User = nil
	return u.String()
}
