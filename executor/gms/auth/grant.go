package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	// refreshEarly is how long before its end a token is replaced; upstream's
	// value. Tokens that live shorter than twice that are replaced at half time.
	refreshEarly = 5 * time.Minute
	// grantTimeout bounds one request to a token endpoint.
	grantTimeout = 30 * time.Second
	// longestLife bounds what an endpoint may claim, so that no arithmetic wraps.
	longestLife = 366 * 24 * time.Hour
)

// grant is the client credentials grant of RFC 6749 section 4.4, with the
// client's secret in the form (section 2.3.1), as upstream sends it, or with
// an assertion (RFC 7523).
type grant struct {
	endpoint string
	form     url.Values
	// assertion is the file of a token that vouches for the client; "" for none.
	assertion string
	client    *http.Client
	now       func() time.Time

	turn chan struct{} // holds one token: who has it may ask the endpoint

	mu      sync.Mutex
	header  string
	renewAt time.Time
}

func newGrant(endpoint string, form url.Values, c Config) *grant {
	g := &grant{endpoint: endpoint, form: form, client: endpointClient(c.HTTP), now: c.Now, turn: make(chan struct{}, 1)}
	if g.now == nil {
		g.now = time.Now
	}
	g.form.Set("grant_type", "client_credentials")
	return g
}

func (g *grant) Invalidate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.header = ""
}

func (g *grant) cached() (string, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.header, g.header != "" && g.now().Before(g.renewAt)
}

// Header asks the endpoint at most once at a time; who waits meanwhile takes
// what the other got.
func (g *grant) Header(ctx context.Context) (string, error) {
	if header, ok := g.cached(); ok {
		return header, nil
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	if header, ok := g.cached(); ok {
		return header, nil
	}
	form, err := g.signed()
	if err != nil {
		return "", err
	}
	asked := g.now()
	token, life, err := request(ctx, g.client, g.endpoint, form)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.header = "Bearer " + token
	g.renewAt = asked.Add(life - min(refreshEarly, life/2))
	return g.header, nil
}

// signed returns the form with the assertion of this moment.
func (g *grant) signed() (url.Values, error) {
	if g.assertion == "" {
		return g.form, nil
	}
	token, err := readToken(g.assertion)
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	for key, values := range g.form {
		form[key] = values
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", token)
	return form, nil
}

// life is the lifetime that an answer claims; 0, which is renewed every time,
// where it claims none. Some endpoints write the number as a string.
func life(seconds any) time.Duration {
	var n float64
	switch s := seconds.(type) {
	case float64:
		n = s
	case string:
		n, _ = strconv.ParseFloat(s, 64)
	}
	if !(n > 0) {
		return 0
	}
	return time.Duration(min(n, longestLife.Seconds()) * float64(time.Second))
}
