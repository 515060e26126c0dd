package gmstest

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/internal/testenv"
)

// Running is a Server on a loopback port.
type Running struct {
	*Server
	address string

	mu   sync.Mutex
	http *http.Server
}

// Start runs a Server until the test ends. Where $LOCKFORGE_CLI_WHEEL names a
// wheel of acryl-datahub and o none, its schemas are used. The test fails if
// anybody sends a proposal that no server would take; see Forgive.
func Start(t testing.TB, o Options) *Running {
	t.Helper()
	if o.Wheel == "" {
		o.Wheel = os.Getenv("LOCKFORGE_CLI_WHEEL")
	}
	server, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := &Running{Server: server, address: testenv.Address(t)}
	if err := r.Restart(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Stop()
		for _, problem := range r.Problems() {
			t.Errorf("GMS refused the form of a proposal: %s", problem)
		}
	})
	return r
}

// Forgive forgets proposals of a wrong form that a test has sent on purpose.
func (s *Server) Forgive() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.problems = nil
}

// URL is the base of the API.
func (r *Running) URL() string {
	return "http://" + r.address + r.o.Base
}

// Stop ends all connections and refuses new ones; what is stored stays.
func (r *Running) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.http != nil {
		_ = r.http.Close()
		r.http = nil
	}
}

// Restart listens again, on the address of before.
func (r *Running) Restart() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.http != nil {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", r.address)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: r.Server, ReadHeaderTimeout: 10 * time.Second}
	r.http = server
	go func() { _ = server.Serve(listener) }() // until Stop
	return nil
}

// WaitStatus waits until the run has one of the statuses and returns it; the
// test fails where that takes longer than the time.
func (s *Server) WaitStatus(t testing.TB, id string, limit time.Duration, statuses ...string) Result {
	t.Helper()
	var last Result
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		last, _ = s.Result(id)
		for _, status := range statuses {
			if last.Status == status {
				return last
			}
		}
	}
	t.Fatalf("run %s has status %q after %s, not one of %q; its report:\n%s", id, last.Status, limit, statuses, last.Report)
	return last
}
