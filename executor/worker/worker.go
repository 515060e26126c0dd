package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

// Errors of Request: the source keeps the request.
var (
	// ErrBusy: too many runs wait already.
	ErrBusy = errors.New("too many runs wait for a slot")
	// ErrClosing: the executor takes no more runs.
	ErrClosing = errors.New("the executor takes no more runs")
)

// Worker executes runs. It implements queue.Handler.
type Worker struct {
	o      Options
	ctx    context.Context // of all calls and children
	cancel context.CancelCauseFunc
	// calls and repeats bound how many claims, and how many deliveries that
	// failed before, are at the server at once. First deliveries do not wait.
	calls, repeats chan struct{}
	actors         sync.WaitGroup

	mu      sync.Mutex
	runs    map[string]*run
	waiting int // runs without an owner
	closing bool
	early   earlyKills
	changed chan struct{} // closed and replaced when a run moves on
}

var _ queue.Handler = (*Worker)(nil)

// New returns a worker that does nothing yet: call Recover, then start the
// sources. Stop or Drain ends it.
func New(o Options) (*Worker, error) {
	required := []struct {
		name    string
		missing bool
	}{
		{"Instance", o.Instance == ""}, {"Journal", o.Journal == nil}, {"Pool", o.Pool == nil},
		{"Server", o.Server == nil}, {"Runner", o.Runner == nil},
	}
	var errs []error
	for _, option := range required {
		if option.missing {
			errs = append(errs, fmt.Errorf("making a worker: Options.%s is missing", option.name))
		}
	}
	if strings.ContainsAny(o.Instance+o.Version, "\r\n") {
		errs = append(errs, errors.New("making a worker: Options.Instance and Version are part of one line"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	w := &Worker{
		o: o.withDefaults(), runs: map[string]*run{}, changed: make(chan struct{}),
		calls: make(chan struct{}, maxCalls), repeats: make(chan struct{}, maxCalls),
	}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	return w, nil
}

// Request takes a request. It returns nil when the request is durable, or its
// run known already; after an error the source is to bring it again.
func (w *Worker) Request(ctx context.Context, q queue.Request) error {
	if !queue.ValidID(q.ID) {
		return fmt.Errorf("taking a request: %w: %.80q", queue.ErrID, q.ID)
	}
	r, fresh, err := w.place(q)
	if err != nil {
		return err
	}
	if fresh {
		r.accept()
	}
	select {
	case <-r.durable:
		return r.refused
	case <-ctx.Done():
		return ctx.Err()
	}
}

// place finds the run of a request or makes it, which reserves its id.
func (w *Worker) place(q queue.Request) (r *run, fresh bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if known := w.runs[q.ID]; known != nil {
		return known, false, nil
	}
	switch {
	case w.closing:
		return nil, false, ErrClosing
	case w.waiting >= w.o.MaxWaiting:
		return nil, false, fmt.Errorf("%w: %d", ErrBusy, w.waiting)
	}
	r = w.newRun(accepted{Request: q, Claim: w.o.marker()})
	r.killed, r.alone = w.early.take(q.ID), w.waiting == 0
	w.add(r)
	w.actors.Add(1) // until accept is done, so that Stop waits for it
	return r, true, nil
}

// Signal takes a signal. A KILL of a run of this executor is durable when nil
// is returned. One of an unknown run is remembered for a while, should the
// request come after it, and answers nothing: the run is somebody else's. A
// worker that is closing takes no KILL of a run that it leaves to the next
// process, which would not know of it: it fails with ErrClosing.
func (w *Worker) Signal(ctx context.Context, s queue.Signal) error {
	if s.Name != queue.Kill || !queue.ValidID(s.ID) {
		w.o.Log.Warn("signal ignored", "run", fmt.Sprintf("%.128q", s.ID), "signal", fmt.Sprintf("%.32q", s.Name))
		return nil
	}
	r, err := w.target(s.ID)
	if r == nil {
		w.o.Log.Info("KILL of a run that is not here", "run", s.ID)
		return err
	}
	select {
	case <-r.durable:
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := r.ask(ctx, lifecycle.Kill); !errors.Is(err, errOver) {
		return err
	}
	_, err = w.target(s.ID)
	return err
}

// target finds the run of a signal, or remembers the signal.
func (w *Worker) target(id string) (*run, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch r := w.runs[id]; {
	case r != nil && !r.phase.Over():
		return r, nil
	case w.closing:
		return nil, ErrClosing
	}
	w.early.add(id)
	return nil, nil
}

// Running returns the ids of the runs that a signal would mean something to, sorted.
func (w *Worker) Running() []string {
	return w.ids(func(r *run) bool { return r.phase != lifecycle.Delivering })
}

// Stats are numbers for metrics.
type Stats struct {
	Waiting     int // accepted, and not known to be ours
	Running     int // with the runner
	Undelivered int // ended; the server has not taken the result
}

// Stats returns them as of now.
func (w *Worker) Stats() (s Stats) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.runs {
		switch r.phase {
		case lifecycle.Waiting, lifecycle.Claiming:
			s.Waiting++
		case lifecycle.Delivering:
			if !r.told {
				s.Undelivered++
			}
		default:
			s.Running++
		}
	}
	return s
}

func (w *Worker) ids(want func(*run) bool) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	ids := []string{}
	for id, r := range w.runs {
		if want(r) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// add makes a run known. w.mu is held.
func (w *Worker) add(r *run) {
	w.runs[r.id] = r
	if unowned(r.phase) {
		w.waiting++
	}
}

// moved notes how far a run is.
func (w *Worker) moved(r *run, now lifecycle.State, told bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if unowned(r.phase) && !unowned(now) {
		w.waiting--
	} else if !unowned(r.phase) && unowned(now) {
		w.waiting++
	}
	if r.phase != now || r.told != told {
		close(w.changed)
		w.changed = make(chan struct{})
	}
	r.phase, r.told = now, told
}

// forget is for a run that is over, or never was. The journal remembers it.
func (w *Worker) forget(r *run) {
	w.moved(r, lifecycle.Halted, false)
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.runs, r.id)
}

func unowned(s lifecycle.State) bool { return s == lifecycle.Waiting || s == lifecycle.Claiming }

// earlyKills are ids of unknown runs for which a KILL came, oldest first.
type earlyKills []string

func (k *earlyKills) add(id string) {
	if slices.Contains(*k, id) {
		return
	}
	if len(*k) >= maxEarlyKills {
		*k = slices.Delete(*k, 0, 1)
	}
	*k = append(*k, id)
}

func (k *earlyKills) take(id string) bool {
	i := slices.Index(*k, id)
	if i < 0 {
		return false
	}
	*k = slices.Delete(*k, i, i+1)
	return true
}

// audit writes to the audit trail; a run does not fail for what it cannot say
// there, which the audit package reports by itself.
func (w *Worker) audit(event string, r *run, facts map[string]string) {
	w.auditEntry(r, Audit{Event: event, Facts: facts})
}

func (w *Worker) auditEntry(r *run, a Audit) {
	a.ID, a.Actor = r.id, r.brief.Actor
	if err := w.o.Audit(a); err != nil {
		w.o.Log.Error("writing the audit trail", "event", a.Event, "run", r.id, "error", err)
	}
}

// record appends to the journal and says where it could not.
func (w *Worker) record(id string, s journal.State, data any) error {
	err := w.append(id, s, data)
	if err != nil {
		w.o.Log.Error("writing the journal", "run", id, "state", s, "error", err)
	}
	return err
}
