package auth

import (
	"context"
	"errors"
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
	// refreshAgain is the pause after a renewal that the provider did not
	// answer, while the token is still good.
	refreshAgain = 10 * time.Second
	// freshFor is how old a token may be for Fresh: runs that start together
	// share one.
	freshFor = 10 * time.Second
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
	renewed   func(error) // told of every renewal

	turn chan struct{} // holds one token: who has it may ask the endpoint

	mu   sync.Mutex
	held held
}

// held is a token and its times.
type held struct {
	header                string // "" is none
	asked, renewAt, endAt time.Time
}

func newGrant(endpoint string, form url.Values, c Config) *grant {
	g := &grant{endpoint: endpoint, form: form, client: endpointClient(c.HTTP), now: c.Now, renewed: c.told(), turn: make(chan struct{}, 1)}
	if g.now == nil {
		g.now = time.Now
	}
	g.form.Set("grant_type", "client_credentials")
	return g
}

func (g *grant) Invalidate() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = held{}
}

func (g *grant) cached() held {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// Header returns the token until it is time to renew it.
func (g *grant) Header(ctx context.Context) (string, error) {
	return g.get(ctx, func(h held) bool { return g.now().Before(h.renewAt) })
}

// fresh returns a token that was just made, where the provider can be reached.
func (g *grant) fresh(ctx context.Context) (string, error) {
	return g.get(ctx, func(h held) bool { return g.now().Sub(h.asked) < min(freshFor, h.endAt.Sub(h.asked)/2) })
}

// get returns the token that is there if it is good enough, else a new one. It
// asks the endpoint at most once at a time; who waits meanwhile takes what the
// other got. A token stays in use to its end while the provider is away.
func (g *grant) get(ctx context.Context, good func(held) bool) (string, error) {
	if h := g.cached(); h.header != "" && good(h) {
		return h.header, nil
	}
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
		return "", fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
	if h := g.cached(); h.header != "" && good(h) {
		return h.header, nil
	}
	h, err := g.renew(ctx)
	g.renewed(err)
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if errors.Is(err, ErrUnavailable) && g.held.header != "" && now.Before(g.held.endAt) {
		g.held.renewAt = now.Add(min(refreshAgain, g.held.endAt.Sub(now)))
		return g.held.header, nil
	}
	if err != nil {
		return "", err
	}
	g.held = h
	return h.header, nil
}

// renew asks for a new token.
func (g *grant) renew(ctx context.Context) (held, error) {
	form, err := g.signed()
	if err != nil {
		return held{}, err
	}
	asked := g.now()
	token, life, err := request(ctx, g.client, g.endpoint, form)
	if err != nil {
		return held{}, err
	}
	return held{
		header: "Bearer " + token, asked: asked,
		renewAt: asked.Add(life - min(refreshEarly, life/2)), endAt: asked.Add(life),
	}, nil
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
