package index

import (
	"errors"
	"net"
	"net/url"
	"time"
)

// probeEvery is how often a host that takes no connections is tried again.
const probeEvery = 5 * time.Second

// outage is the state of an origin whose last request was in vain, all its
// retries included. It keeps a hundred files from waiting one after the other
// for a host that is gone, while a mirror could serve them.
type outage struct {
	err    error     // of that request
	silent bool      // no connection could be made; otherwise it answers with errors
	probe  time.Time // when a silent host may be asked again
}

// patience says how many retries a request to u gets. Where a silent host is
// not to be asked at all now, refusal is the error to give instead.
func (c *Client) patience(u *url.URL, now time.Time) (retries int, refusal error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.down[origin(u)]
	switch {
	case o == nil:
		return c.opts.Retries, nil
	case !o.silent: // an overloaded host may have recovered meanwhile
		return min(c.opts.Retries, 1), nil
	case now.Before(o.probe):
		return 0, o.err
	}
	o.probe = now.Add(probeEvery)
	return 0, nil
}

// gaveUp notes that u's host used up the retries of a request.
func (c *Client) gaveUp(u *url.URL, err error, now time.Time) {
	var op *net.OpError
	silent := errors.As(err, &op) && op.Op == "dial"
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down[origin(u)] = &outage{err: err, silent: silent, probe: now.Add(probeEvery)}
}

// answered notes that u's host is there.
func (c *Client) answered(u *url.URL) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.down, origin(u))
}
