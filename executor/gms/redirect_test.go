package gms_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// thief keeps what it is sent.
type thief struct {
	mu   sync.Mutex
	seen []string
}

func (f *thief) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, r.Method+" "+r.Header.Get("Authorization"))
	_, _ = w.Write([]byte(`{"value":"success","noCode":"true"}`))
}

func TestRedirectsAway(t *testing.T) {
	other := &thief{}
	away := httptest.NewServer(other)
	defer away.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := gmstest.Start(t, nothing)
		c := newClient(t, gms.Options{URL: server.URL()})
		server.Fail(gmstest.Fault{Status: status, Header: http.Header{"Location": {away.URL + "/login?token=s3cret"}}})
		want := about{Kind: gms.Protocol, Status: status, Attempts: 1}
		if diff := cmp.Diff(want, tell(t, c.Propose(t.Context(), running))); diff != "" {
			t.Errorf("%d: error of a write (-want +got):\n%s", status, diff)
		}
		_, err := c.Config(t.Context())
		if diff := cmp.Diff(want, tell(t, err)); diff != "" {
			t.Errorf("%d: error of a read (-want +got):\n%s", status, diff)
		}
	}
	if len(other.seen) > 0 {
		t.Errorf("the other origin was asked: %q", other.seen)
	}
}

func TestRedirectsWithin(t *testing.T) {
	for _, tc := range []struct {
		status int
		ok     bool
	}{{302, false}, {307, true}, {308, true}} {
		server := gmstest.Start(t, gmstest.Options{Credentials: []string{credential}})
		c := newClient(t, gms.Options{URL: server.URL()})
		server.Fail(gmstest.Fault{Times: 1, Status: tc.status, Header: http.Header{"Location": {"/aspects?action=ingestProposal"}}})
		// As a read, the write would be taken for done without being made.
		err := c.Propose(t.Context(), running)
		if (err == nil) != tc.ok {
			t.Errorf("%d: %v", tc.status, err)
		}
		if _, stored := server.Result("run-1"); stored != tc.ok {
			t.Errorf("%d: stored = %t", tc.status, stored)
		}
	}
}

func TestRedirectsInCircles(t *testing.T) {
	server := gmstest.Start(t, nothing)
	c := newClient(t, gms.Options{URL: server.URL()})
	server.Fail(gmstest.Fault{Status: 302, Header: http.Header{"Location": {"/config"}}})
	if _, err := c.Config(t.Context()); gms.KindOf(err) != gms.Protocol {
		t.Errorf("error = %v", err)
	}
	if got := len(server.Exchanges()); got > 5 {
		t.Errorf("%d requests", got)
	}
}
