package gms

import (
	"net/http"
)

// HTTP returns a client for what else the server has under its address, such as
// its schema registry: with the same trust, and with the credential in requests
// to the server's own origin. To other origins it sends none.
func (c *Client) HTTP() *http.Client {
	next := c.http.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{Timeout: c.timeout, CheckRedirect: sameOrigin, Transport: authorized{c, next}}
}

type authorized struct {
	client *Client
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (a authorized) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != a.client.base.Scheme || r.URL.Host != a.client.base.Host || r.Header.Get("Authorization") != "" {
		return a.next.RoundTrip(r)
	}
	header, err := a.client.auth.Header(r.Context())
	if err != nil {
		return nil, err
	}
	if header != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", header)
	}
	answer, err := a.next.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusUnauthorized {
		a.client.auth.Invalidate()
	}
	return answer, err
}
