package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

var errAway = errors.New("the server does not answer")

// fakeServer keeps results as GMS does: immutable statuses, and creation that
// is atomic unless replaces is set.
type fakeServer struct {
	mu       sync.Mutex
	results  map[string]Result
	history  map[string][]string // statuses that were stored, in order
	replaces bool                // create overwrites
	down     bool                // nothing arrives, an error at once
	hang     bool                // nothing arrives, no answer until the caller gives up
	limit    int                 // bytes of report and structured report; 0 is none
	latency  time.Duration
	// intercept may answer a write in the server's place.
	intercept func(id string, r Result) (err error, taken bool)
	// carry brings a write to the store, or not, or later; nil: at once.
	carry  func(store func() error) error
	writes int
	broken []string // what nobody may do, and somebody did
}

func newServer() *fakeServer {
	return &fakeServer{results: map[string]Result{}, history: map[string][]string{}}
}

func (s *fakeServer) arrives(ctx context.Context) error {
	s.mu.Lock()
	down, hang, latency := s.down, s.hang, s.latency
	s.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if down {
		return errAway
	}
	if latency == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(latency):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Result implements Server.
func (s *fakeServer) Result(ctx context.Context, id string) (Result, bool, error) {
	if err := s.arrives(ctx); err != nil {
		return Result{}, false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.results[id]
	return r, ok, nil
}

// Write implements Server.
func (s *fakeServer) Write(ctx context.Context, id string, r Result, create bool) error {
	if err := s.arrives(ctx); err != nil {
		return err
	}
	if f := s.intercept; f != nil {
		if err, taken := f(id, r); taken {
			return err
		}
	}
	if s.carry != nil {
		return s.carry(func() error { return s.store(id, r, create) })
	}
	return s.store(id, r, create)
}

func (s *fakeServer) store(id string, r Result, create bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	old, exists := s.results[id]
	size := len(r.Report)
	if r.Structured != nil {
		size += len(r.Structured.Serialized)
	}
	switch {
	case exists && lifecycle.Status(old.Status).Immutable():
		return ErrImmutable
	case exists && create && !s.replaces:
		return ErrExists
	case s.limit > 0 && size > s.limit:
		return ErrTooLarge
	}
	if r.Status != StatusRunning && firstLine(old.Report) != firstLine(r.Report) {
		s.broken = append(s.broken, fmt.Sprintf("%s was ended as %s by %q and is that of %q", id, r.Status, firstLine(r.Report), firstLine(old.Report)))
	}
	s.results[id] = r
	s.history[id] = append(s.history[id], r.Status)
	return nil
}

func (s *fakeServer) set(f func(*fakeServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *fakeServer) status(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.results[id].Status
}

// count is how many writes arrived.
func (s *fakeServer) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

func (s *fakeServer) result(id string) Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.results[id]
}

// fakeRunner is a runner whose children are counted. It outlives workers, as
// the machine does.
type fakeRunner struct {
	mu     sync.Mutex
	starts map[string]int
	swept  []Orphan
	causes map[string]error
	// prepare is called by Prepare, before before Starting, during after
	// Started, until ctx ends. nil: nothing, and success after a second.
	prepare  func(q queue.Request)
	before   func(ctx context.Context, q queue.Request)
	during   func(ctx context.Context, q queue.Request, s Sink) Outcome
	silent   bool // does not tell of the child by itself
	sweepErr error
}

func newRunner() *fakeRunner {
	return &fakeRunner{starts: map[string]int{}, causes: map[string]error{}}
}

// Prepare implements Runner.
func (f *fakeRunner) Prepare(q queue.Request) Execute {
	if f.prepare != nil {
		f.prepare(q)
	}
	return func(ctx context.Context, s Sink) Outcome { return f.run(ctx, q, s) }
}

func (f *fakeRunner) run(ctx context.Context, q queue.Request, s Sink) Outcome {
	if f.before != nil {
		f.before(ctx, q)
	}
	if err := s.Starting(); err != nil {
		return Outcome{Status: StatusFailure, Reason: "not started: " + err.Error()}
	}
	f.mu.Lock()
	f.starts[q.ID]++
	pid := 100 + len(f.starts)
	f.mu.Unlock()
	if !f.silent {
		s.Started(pid, 7)
	}
	if f.during != nil {
		o := f.during(ctx, q, s)
		f.mu.Lock()
		f.causes[q.ID] = context.Cause(ctx)
		f.mu.Unlock()
		return o
	}
	return f.wait(ctx, time.Second)
}

// wait is a child that succeeds after a while, and can be stopped.
func (f *fakeRunner) wait(ctx context.Context, d time.Duration) Outcome {
	select {
	case <-time.After(d):
		return Outcome{Status: StatusSuccess, Report: func(int) (string, []byte) { return "all done", []byte(`{"cli":{}}`) }}
	case <-ctx.Done():
		return Outcome{Status: StatusCancelled, Reason: "stopped"}
	}
}

// Sweep implements Runner.
func (f *fakeRunner) Sweep(_ context.Context, left []Orphan) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.swept = append(f.swept, left...)
	return f.sweepErr
}

func (f *fakeRunner) started(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts[id]
}

// mortal stands between a worker and its journal and server, and cuts it off
// as kill -9 does: nothing it does any more has an effect.
type mortal struct {
	Server
	j  *journal.Journal
	mu sync.Mutex
	// dead is closed by the crash; after says at which record it comes, once
	// that record is written.
	dead  chan struct{}
	after journal.State
	fail  map[journal.State]error // what appending such a record answers
}

func (m *mortal) isDead() bool {
	select {
	case <-m.dead:
		return true
	default:
		return false
	}
}

func (m *mortal) crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.isDead() {
		close(m.dead)
	}
}

func (m *mortal) failing(s journal.State, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail[s] = err
}

// Append implements Journal.
func (m *mortal) Append(r journal.Record) error {
	if m.isDead() {
		return journal.ErrClosed
	}
	m.mu.Lock()
	err := m.fail[r.State]
	m.mu.Unlock()
	if err == nil {
		err = m.j.Append(r)
	}
	if m.after == r.State {
		m.crash()
	}
	return err
}

// Runs implements Journal.
func (m *mortal) Runs() []journal.Run { return m.j.Runs() }

// Data implements Journal.
func (m *mortal) Data(id string, s journal.State) (json.RawMessage, error) { return m.j.Data(id, s) }

// Result implements Server.
func (m *mortal) Result(ctx context.Context, id string) (Result, bool, error) {
	if m.isDead() {
		<-ctx.Done()
		return Result{}, false, ctx.Err()
	}
	return m.Server.Result(ctx, id)
}

// Write implements Server.
func (m *mortal) Write(ctx context.Context, id string, r Result, create bool) error {
	if m.isDead() {
		<-ctx.Done()
		return ctx.Err()
	}
	return m.Server.Write(ctx, id, r, create)
}
