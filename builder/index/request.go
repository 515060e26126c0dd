package index

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/stall"
)

const (
	maxRedirects = 10
	// longestPause bounds one wait between attempts, a server's Retry-After included.
	longestPause = 60 * time.Second
	// drainLimit is how much of an unwanted answer is read so that its connection can be used again.
	drainLimit = 64 << 10
	userAgent  = "lockforge"
)

// request is one GET or HEAD; first and last are the inclusive byte range, as
// HTTP has it, unless ranged is false; last < 0 leaves the end open.
type request struct {
	method      string
	url         *url.URL
	keys        *keyring
	accept      string
	ranged      bool
	first, last int64
}

// newRequest refuses what is no http or https URL, without repeating its text.
// A login in the URL is used for this request.
func (c *Client) newRequest(method, raw string) (request, error) {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return request{}, fault.Wrap(fault.Network, errNotURL, "requesting a file")
	}
	keys := c.set.keys.with(u)
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return request{method: method, url: u, keys: keys}, nil
}

// try runs an attempt until it succeeds, fails for good, or has failed once
// more than there are retries (see outage for how many).
func (c *Client) try(ctx context.Context, u *url.URL, attempt func() error) error {
	retries, refusal := c.patience(u, time.Now())
	if refusal != nil {
		return c.explain(ctx, u, refusal)
	}
	pause := c.opts.Backoff
	for n := 0; ; n++ {
		err := attempt()
		if err == nil || !Temporary(err) {
			c.answered(u)
			return c.explain(ctx, u, err)
		}
		wait := pause/2 + rand.N(pause/2+1)
		var status *StatusError
		if errors.As(err, &status) && status.After > wait {
			wait = status.After
		}
		if n >= retries || wait > longestPause {
			c.gaveUp(u, err, time.Now())
			return c.explain(ctx, u, err)
		}
		select {
		case <-ctx.Done():
			return c.explain(ctx, u, err)
		case <-time.After(wait):
		}
		pause = min(2*pause, longestPause/2)
	}
}

// explain turns the last error of a request into one that a user can act on.
func (c *Client) explain(ctx context.Context, u *url.URL, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return fault.Wrap(fault.Cancelled, context.Cause(ctx), "requesting %s", printable(u))
	}
	kind := fault.Network
	if errors.Is(err, ErrHTML) {
		kind = fault.Integrity
	}
	where := ""
	name := c.set.nameAt(u)
	if name != "" {
		where = fmt.Sprintf(" (index %q)", name)
	}
	e := fault.Wrap(kind, err, "requesting %s%s", printable(u), where)
	switch {
	case errors.Is(err, ErrDenied) && name != "":
		return e.Hint("give a login for index %q: an entry for %s in netrc, or UV_INDEX_<NAME>_USERNAME and _PASSWORD", name, u.Hostname())
	case errors.Is(err, ErrDenied):
		return e.Hint("give a login for %s in netrc", u.Hostname())
	case errors.Is(err, ErrHTML):
		return e.Hint("a proxy or a login page answers in place of the mirror: check HTTPS_PROXY and the index URL")
	case errors.Is(err, ErrNotFound):
		return e
	case permanent(err):
		return e.Hint("check the address; own certificate authorities go into SSL_CERT_FILE, proxies into HTTPS_PROXY and NO_PROXY")
	}
	return e
}

// nameAt names the index that a URL belongs to, by the longest base of its origin.
func (s *Set) nameAt(u *url.URL) string {
	name, longest := "", -1
	for _, x := range s.indexes {
		for _, base := range x.bases() {
			b, err := url.Parse(base)
			if err != nil || origin(b) != origin(u) {
				continue
			}
			if n := (grant{path: b.Path}).covers(u.Path); n > longest {
				name, longest = x.Name, n
			}
		}
	}
	return name
}

// send makes one attempt, over redirects. An answer other than 200, and 206
// for a range, is an error; the caller closes the body. The address that
// answered in the end is resp.Request.URL.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	resp, err := c.follow(ctx, r)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	resp.Body = cleaned{stall.Body(ctx, cancel, resp.Body, c.opts.Timeout), r.keys}
	if resp.StatusCode == http.StatusOK || resp.StatusCode == http.StatusPartialContent && r.ranged {
		return resp, nil
	}
	status := newStatusError(resp, time.Now())
	drain(resp.Body)
	return nil, status
}

// follow goes where redirects lead. Each hop gets the login of its own origin
// and nothing else. http.Client would do the same but for its errors, which
// repeat URLs and Location headers with all that is in them.
func (c *Client) follow(ctx context.Context, r request) (*http.Response, error) {
	u := r.url
	for range maxRedirects {
		req, err := http.NewRequestWithContext(ctx, r.method, u.String(), nil)
		if err != nil {
			return nil, r.keys.transport(errNotURL)
		}
		r.fill(req.Header)
		if l, ok := r.keys.find(u); ok {
			req.Header.Set("Authorization", l.header())
		}
		resp, err := c.http.RoundTrip(req)
		if err != nil {
			return nil, r.keys.transport(err)
		}
		next, err := redirect(resp)
		if err != nil || next == nil {
			if err != nil {
				drain(resp.Body)
				return nil, r.keys.transport(err)
			}
			return resp, nil
		}
		drain(resp.Body)
		u = next
	}
	return nil, r.keys.transport(errRedirects)
}

func (r request) fill(h http.Header) {
	h.Set("User-Agent", userAgent)
	if r.accept != "" {
		h.Set("Accept", r.accept)
		return
	}
	// Files are wanted as they are: a compressed form has other sizes and offsets.
	h.Set("Accept-Encoding", "identity")
	switch {
	case r.ranged && r.last >= 0:
		h.Set("Range", fmt.Sprintf("bytes=%d-%d", r.first, r.last))
	case r.ranged:
		h.Set("Range", fmt.Sprintf("bytes=%d-", r.first))
	}
}

// redirect returns where an answer sends the client, nil for nowhere.
func redirect(resp *http.Response) (*url.URL, error) {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil
	}
	from := resp.Request.URL
	location := resp.Header.Get("Location")
	to, err := from.Parse(location)
	if err != nil || location == "" || (to.Scheme != "http" && to.Scheme != "https") || to.Host == "" {
		return nil, errLocation
	}
	if from.Scheme == "https" && to.Scheme == "http" {
		return nil, errDowngrade
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, nil
}

// drain lets the connection be used again, if little is left, and closes the body.
func drain(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, drainLimit)
	_ = body.Close()
}

// transport wraps an error of net/http with a text that is fit to be shown.
func (k *keyring) transport(err error) error {
	return &transportError{text: k.scrub(err.Error()), err: err}
}
