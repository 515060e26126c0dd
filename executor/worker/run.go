package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/lockforge/lockforge/executor/capacity"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

// run is one run on this executor. One goroutine, its loop, owns the fields
// below inbox; others send it messages.
type run struct {
	w     *Worker
	id    string
	claim string        // the marker
	brief queue.Request // without its arguments
	share capacity.Weight
	alone bool // no other run waited when it came

	durable chan struct{} // closed when it is known whether the request was taken
	refused error         // why not; nil for duplicates as well. Set before durable is closed
	lined   func()        // says that the run is about to wait for its slot
	inLine  chan struct{} // closed by lined
	over    chan struct{} // closed when the loop has ended
	inbox   chan message  // unbuffered: what was sent was received

	// Guarded by w.mu, for others to look at.
	phase lifecycle.State
	told  bool // the server took the result; one last look is left

	request *queue.Request // nil: read it from the journal
	killed  bool           // a KILL came before the request
	state   lifecycle.Run
	first   []lifecycle.Action

	operation operation
	glimpse   <-chan message // of the first read; nil where that has not begun
	prepared  <-chan Execute // nil until the runner is asked to prepare
	slot      func()         // gives the slot back; nil without one
	stop      context.CancelCauseFunc
	child     bool // the runner has not returned
	sink      *sink
	tick      *time.Ticker
	limit     *time.Timer

	takenAt time.Time // by this process
	readAt  time.Time // when the last read was sent
	seen    Result    // what it read, without its report
	holder  string    // its first line
	resumed bool      // by a later process
	startMS int64
	endedAt time.Time
	// claimedAt is when this process claimed the run: startMS, and with it the
	// clock that nobody sets. Zero where another process did.
	claimedAt time.Time
	outcome   *Outcome
	// result is what to deliver; nil where the journal has it.
	result                 *Result
	status                 string // of the result
	recorded, killRecorded bool
	process                *process
}

// message is what a run's loop is told.
type message struct {
	event   lifecycle.Event
	op      uint64     // the operation that it answers; 0 for none
	release func()     // of a granted slot
	outcome *Outcome   // with Exited
	process *process   // with HasStarted
	seen    *Result    // with DidRead
	begun   time.Time  // with DidRead: when
	failure error      // what the server said
	reply   chan error // of capacity 1; nil: nobody waits
}

func (w *Worker) newRun(a accepted) *run {
	r := &run{
		w: w, id: a.Request.ID, claim: a.Claim, brief: a.Request, request: &a.Request,
		durable: make(chan struct{}), over: make(chan struct{}), inbox: make(chan message),
		takenAt: w.o.Now(), inLine: make(chan struct{}), share: w.o.Weight(a.Request),
	}
	r.lined = sync.OnceFunc(func() { close(r.inLine) })
	r.brief.Args = nil
	r.state, r.first = lifecycle.Accept(w.o.rules(), r.fate())
	r.phase = r.state.State
	return r
}

// fate is what a request means for its run from the start.
func (r *run) fate() lifecycle.Fate {
	if r.brief.Problem != "" {
		return lifecycle.Refused
	}
	return lifecycle.NoFate
}

// lighten forgets what is big and in the journal.
func (r *run) lighten() {
	size := 0
	for name, value := range r.request.Args {
		size += len(name) + len(value)
	}
	if size > smallRequest {
		r.request = nil
	}
}

// accept makes a new run durable and lets it go, or says why not.
func (r *run) accept() {
	defer r.w.actors.Done() // of place
	defer close(r.durable)
	r.peek()
	err := r.w.append(r.id, journal.Accepted, accepted{Request: *r.request, Claim: r.claim})
	if err != nil {
		if !errors.Is(err, journal.ErrDuplicate) {
			r.refused = err
			r.w.o.Log.Error("writing the journal", "run", r.id, "state", journal.Accepted, "error", err)
		}
		close(r.over)
		r.w.forget(r)
		return
	}
	r.w.o.Observer.Received(r.brief)
	if r.brief.Problem != "" {
		r.w.o.Observer.Refused(r.brief, r.brief.Problem)
	}
	r.w.audit(AuditAccepted, r, map[string]string{"task": r.brief.Task, "pool": r.brief.Pool, "via": r.brief.Via, "ingestionSource": r.brief.IngestionSource})
	r.lighten()
	r.begin()
}

// begin lets a run go. It returns when the run is in line for a slot, or needs
// none, so that those that begin one after the other stand in that order.
func (r *run) begin() {
	r.w.actors.Go(r.loop)
	<-r.inLine
}

// loop feeds what happens to the state machine until the run is over, or the
// worker ends; then a child is waited for, so that its end is recorded.
func (r *run) loop() {
	defer r.close()
	_ = r.do(r.first)
	if r.state.State != lifecycle.Waiting {
		r.lined()
	}
	if r.killed {
		_ = r.happens(lifecycle.Event{Kind: lifecycle.Kill})
	}
	ending := r.w.ctx.Done()
	for !r.state.State.Over() && (ending != nil || r.child) {
		var tick <-chan time.Time
		if r.tick != nil {
			tick = r.tick.C
		}
		select {
		case m := <-r.inbox:
			err := r.take(m)
			if m.reply != nil {
				m.reply <- err
			}
		case <-tick:
			_ = r.happens(lifecycle.Event{Kind: lifecycle.WantsTick})
		case <-ending:
			ending = nil
			_ = r.happens(lifecycle.Event{Kind: lifecycle.Evict})
		}
	}
}

func (r *run) close() {
	close(r.over)
	r.operation.end()
	r.releaseSlot()
	r.w.forget(r)
}

// take handles a message. Answers to an operation that was replaced no longer
// count; a slot among them goes back.
func (r *run) take(m message) error {
	if m.op != 0 && m.op != r.operation.id {
		if m.release != nil {
			m.release()
		}
		return nil
	}
	switch m.event.Kind {
	case lifecycle.GotSlot:
		r.slot = m.release
	case lifecycle.DidRead:
		if m.seen != nil {
			r.seen, r.holder, r.readAt = *m.seen, firstLine(m.seen.Report), m.begun
			r.seen.Report, r.seen.Structured = "", nil
		}
	case lifecycle.HasStarted:
		r.process = m.process
	case lifecycle.Exited:
		r.runnerReturned(m.outcome)
	}
	r.troubled(m)
	begun := r.state.Begun
	err := r.happens(m.event)
	switch {
	case m.event.Kind == lifecycle.WantsStart && (begun || !r.state.Begun):
		return r.notNow()
	case m.event.Kind == lifecycle.Kill && err == nil && r.forgettable():
		return r.recordKill() // it failed before
	}
	return err
}

// forgettable tells whether a crash would forget that the run was killed.
func (r *run) forgettable() bool {
	s := r.state.State
	return r.state.Fate == lifecycle.Killed && !r.killRecorded && !s.Over() && s != lifecycle.Delivering
}

// troubled says what the server did not take.
func (r *run) troubled(m message) {
	if m.failure == nil {
		return
	}
	r.w.o.Log.Warn("calling the server", "run", r.id, "state", r.state.State, "error", m.failure)
	if r.state.State == lifecycle.Delivering {
		r.w.o.Observer.DeliveryFailed(r.brief, m.failure)
	}
}

// happens is one step of the state machine. The error is that of the journal.
func (r *run) happens(e lifecycle.Event) error {
	next, actions := r.state.Next(e)
	r.state = next
	err := r.do(actions)
	r.w.moved(r, r.state.State, r.state.Told())
	return err
}

// errOver: the loop of the run has ended.
var errOver = errors.New("the run is over")

// ask tells the loop of an event and waits until it was handled. It fails with
// errOver when nobody listens any more.
func (r *run) ask(ctx context.Context, kind lifecycle.Kind) error {
	m := message{event: lifecycle.Event{Kind: kind}, reply: make(chan error, 1)}
	select {
	case r.inbox <- m:
	case <-r.over:
		return errOver
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-m.reply
}

// send tells the loop something, if it still listens.
func (r *run) send(m message) {
	select {
	case r.inbox <- m:
	case <-r.over:
		if m.release != nil {
			m.release()
		}
	}
}

func (r *run) releaseSlot() {
	if r.slot != nil {
		r.slot()
		r.slot = nil
	}
}
