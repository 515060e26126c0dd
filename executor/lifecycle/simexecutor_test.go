package lifecycle

import (
	"fmt"
	"slices"
)

// simRecord is what an executor's journal has of a run. It survives crashes.
type simRecord struct {
	state  Action // the last Record action; "" is accepted
	fate   Fate
	status Status
	owned  bool
	begun  bool
	killed bool
}

// simRun is a run in an executor's memory.
type simRun struct {
	Run
	op      int   // number of the operation whose answer counts
	readAt  int64 // when the last read was sent
	slot    bool
	child   *simChild
	stopped bool
}

// simChild is a process on the executor's machine. It outlives a crash.
type simChild struct {
	id    string
	alive bool
}

// simExecutor drives runs as package worker does.
type simExecutor struct {
	w        *world
	name     string
	up       bool
	draining bool
	life     int // counts restarts: what an earlier life scheduled is void
	rules    Rules
	journal  map[string]*simRecord
	ids      []string // of journal, in order
	runs     map[string]*simRun
	used     int
	queue    []string // ids that wait for a slot
	children []*simChild
}

// later is w.after for this life of the executor.
func (x *simExecutor) later(delay int64, f func()) {
	life := x.life
	x.w.after(delay, func() {
		if x.life == life && x.up {
			f()
		}
	})
}

// request delivers a request; false means that it has to come again.
func (x *simExecutor) request(id string) bool {
	if !x.up || x.draining || x.crashes() {
		return false
	}
	if _, known := x.journal[id]; known {
		return true
	}
	x.journal[id] = &simRecord{}
	x.ids = append(x.ids, id)
	if x.crashes() {
		return false // durable, and not acknowledged
	}
	fate := NoFate
	if x.w.runs[id].malformed {
		fate = Refused
	}
	run, actions := Accept(x.rules, fate)
	x.runs[id] = &simRun{Run: run}
	x.do(id, actions)
	return true
}

// kill delivers a signal; false means that it has to come again.
func (x *simExecutor) kill(id string) bool {
	if !x.up || x.crashes() {
		return false
	}
	life := x.life
	x.happens(id, Event{Kind: Kill})
	if x.life != life {
		return false
	}
	if record := x.journal[id]; record != nil && x.runs[id] != nil && x.runs[id].Fate == Killed && !record.killed {
		x.w.violate("%s acknowledged a KILL of %s that a crash would forget", x.name, id)
	}
	return true
}

func (x *simExecutor) happens(id string, e Event) {
	run := x.runs[id]
	if run == nil {
		return
	}
	next, actions := run.Next(e)
	x.w.trace("%s: %s %v: %s -> %s %v", x.name, id, e, run.State, next.State, actions)
	run.Run = next
	x.do(id, actions)
}

// answer is happens for the answer to an operation, if it still counts.
func (x *simExecutor) answer(id string, op int, e Event) {
	if run := x.runs[id]; run != nil && run.op == op {
		x.happens(id, e)
	}
}

func (x *simExecutor) do(id string, actions []Action) {
	life := x.life
	for _, a := range actions {
		if x.crashes() || x.life != life {
			return
		}
		x.act(id, x.runs[id], a)
	}
	if run := x.runs[id]; run != nil && run.State.Over() && x.life == life {
		if run.slot || slices.Contains(x.queue, id) {
			x.w.violate("%s: %s is %s and has a slot", x.name, id, run.State)
		}
		delete(x.runs, id)
	}
}

// order is how the journal orders its states.
var order = []Action{"", RecordStarting, RecordStarted, RecordEnded, RecordDelivered, RecordDropped}

func (x *simExecutor) record(id string, run *simRun, a Action) {
	record := x.journal[id]
	state := a
	switch {
	case a == RecordKill:
		state, record.killed = RecordEnded, true
		record.fate, record.status = Killed, StatusCancelled
		record.owned, record.begun = run.State == Running || run.State == Stopping, run.Begun
	case a == RecordEnded:
		record.fate, record.status, record.owned = run.Fate, run.Status, true
	case a == RecordStarted && record.state == RecordEnded:
		state = RecordEnded // the process is added to the record of the KILL
	}
	if was, is := slices.Index(order, record.state), slices.Index(order, state); is < was || is == was && state != RecordEnded {
		x.w.violate("%s journals %s of %s after %q", x.name, a, id, record.state)
	}
	record.state = state
	if a == RecordDelivered {
		x.delivered(id, record)
	}
}

func (x *simExecutor) delivered(id string, record *simRecord) {
	result, of := x.w.server.results[id], x.w.runs[id]
	switch {
	case result.status == "" || result.status == StatusRunning:
		x.w.violate("%s calls %s delivered, and the server has %v", x.name, id, result)
	case of.meddled:
	case result.status != record.status:
		x.w.violate("%s: %s ended as %s, and the server has %v", x.name, id, record.status, result)
	case record.killed && result.status == StatusFailure:
		x.w.violate("%s: %s was killed and is %v", x.name, id, result)
	}
}

// crashes kills the executor now and then, between any two steps.
func (x *simExecutor) crashes() bool {
	if x.w.rng.Float64() >= x.w.crash {
		return false
	}
	x.die()
	return true
}

func (x *simExecutor) die() {
	x.w.trace("%s: dies", x.name)
	x.up, x.life = false, x.life+1
	x.runs, x.queue, x.used = map[string]*simRun{}, nil, 0
	life := x.life
	x.w.after(x.w.between(10, 5000), func() {
		if x.life == life {
			x.boot()
		}
	})
}

// boot is a restart: children that were left go, runs are resumed.
func (x *simExecutor) boot() {
	x.w.trace("%s: boots", x.name)
	x.up, x.draining, x.life = true, false, x.life+1
	x.runs = map[string]*simRun{}
	for _, child := range x.children {
		child.alive = false
	}
	life := x.life
	for _, id := range x.ids {
		record := x.journal[id]
		at := RecordedAccepted
		switch record.state {
		case RecordDelivered, RecordDropped:
			continue
		case RecordStarting, RecordStarted:
			at = RecordedStarted
		case RecordEnded:
			at = RecordedFate
			if record.owned {
				at = RecordedEnded
			}
		}
		fate := record.fate
		if at == RecordedAccepted && x.w.runs[id].malformed {
			fate = Refused
		}
		run, actions := Resume(x.rules, at, fate, record.status)
		x.runs[id] = &simRun{Run: run}
		if x.do(id, actions); x.life != life {
			return
		}
	}
}

// drain is the end of a process that is asked to go.
func (x *simExecutor) drain() {
	if !x.up || x.draining {
		return
	}
	x.draining = true
	x.w.trace("%s: drains", x.name)
	all := func(k Kind) {
		life := x.life
		for _, id := range x.ids {
			if x.life != life {
				return
			}
			x.happens(id, Event{Kind: k})
		}
	}
	all(Drain)
	x.later(2000, func() { all(Evict) })
	x.later(8000, x.die)
}

func (x *simExecutor) String() string {
	return fmt.Sprintf("%s up=%v used=%d queue=%v", x.name, x.up, x.used, x.queue)
}
