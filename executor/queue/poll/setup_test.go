package poll_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/internal/gmstest"
	"github.com/lockforge/lockforge/executor/queue"
	"github.com/lockforge/lockforge/executor/queue/poll"
)

// handler records what it is given.
type handler struct {
	mu       sync.Mutex
	fail     int // so many calls fail first
	requests []queue.Request
	signals  []queue.Signal
}

var errHandler = errors.New("the journal is full")

func (h *handler) Request(_ context.Context, r queue.Request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail > 0 {
		h.fail--
		return errHandler
	}
	h.requests = append(h.requests, r)
	return nil
}

func (h *handler) Signal(_ context.Context, s queue.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail > 0 {
		h.fail--
		return errHandler
	}
	h.signals = append(h.signals, s)
	return nil
}

// ids are those of the requests, in the order in which they came.
func (h *handler) ids() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ids := []string{}
	for _, r := range h.requests {
		ids = append(ids, r.ID)
	}
	return ids
}

func (h *handler) taken() (requests, signals int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.requests), len(h.signals)
}

// patience is how long a client waits for an answer that comes, on a busy machine.
const patience = 20 * time.Second

func client(t *testing.T, url string, timeout time.Duration) *gms.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := gms.New(gms.Options{URL: url, HTTP: &http.Client{Transport: transport}, Timeout: timeout, Retries: -1, Pause: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start runs a stand-in and makes a source that asks it.
func start(t *testing.T, o poll.Options) (*gmstest.Running, *poll.Source) {
	t.Helper()
	return startWith(t, o, patience)
}

func startWith(t *testing.T, o poll.Options, timeout time.Duration) (*gmstest.Running, *poll.Source) {
	t.Helper()
	server := gmstest.Start(t, gmstest.Options{Now: o.Now})
	o.Server = client(t, server.URL(), timeout)
	source, err := poll.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return server, source
}

// ok fails the test on an error.
func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// await waits until the condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within 10 s", what)
		}
	}
}

// run runs the source until the test ends, and requires that it then ends.
func run(t *testing.T, source *poll.Source, h queue.Handler) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- source.Run(ctx, h) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the source ended with %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the source does not end")
		}
	})
}

// asked counts the exchanges whose address or body has a text.
func asked(server *gmstest.Running, text string) int {
	exchanges := server.Exchanges()
	return len(slices.DeleteFunc(exchanges, func(e gmstest.Exchange) bool {
		return !strings.Contains(e.Path, text) && !strings.Contains(e.Body, text)
	}))
}

// altered is a server whose lists are not what the store has.
type altered struct {
	poll.Server
	alter func([]gms.RequestSummary) []gms.RequestSummary
}

func (a altered) Requests(ctx context.Context, q gms.RequestQuery) ([]gms.RequestSummary, error) {
	list, err := a.Server.Requests(ctx, q)
	return a.alter(list), err
}
