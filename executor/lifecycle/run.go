package lifecycle

// MaxShrinks is how often a result is made smaller. The last time all goes but
// the status and a line that says why.
const MaxShrinks = 12

// Rules of an executor.
type Rules struct {
	// Settle is for servers that cannot create atomically: claims are looked
	// at again after a while.
	Settle bool
	// Ephemeral says that the journal does not outlive the process: on Drain
	// waiting runs are ended instead of left.
	Ephemeral bool
}

// Run is one run on one executor. Its exported fields are for reading.
type Run struct {
	State  State
	Fate   Fate
	Status Status // from Delivering on: what is reported
	// Attempts counts the failures in a row, for the length of Retry.
	Attempts int
	// Shrinks counts how often the result was made smaller: 0 to MaxShrinks.
	Shrinks int
	// Begun says that RecordStarting was asked for.
	Begun bool

	rules   Rules
	doing   doing
	slot    bool
	settled bool // no claim of ours can be under way
	unsure  bool // a RUNNING of ours may be
}

// Recorded is what the journal has of a run when a process starts.
type Recorded uint8

// What can be recorded. The driver makes Started runs' children go before it
// resumes them.
const (
	RecordedAccepted Recorded = iota
	RecordedStarted           // a child may have existed; there is no result
	RecordedFate              // a result, for a run that nobody owns yet
	RecordedEnded             // a result, for a run that is ours
)

// Accept begins a run. A fate that is known already (Refused) means that it
// will be claimed and ended without being started.
func Accept(rules Rules, fate Fate) (Run, []Action) {
	return Run{Fate: fate, rules: rules}.accepted()
}

func (r Run) accepted() (Run, []Action) {
	if r.Fate != NoFate {
		return r.read(Claiming)
	}
	r.State = Waiting
	return r.acquire()
}

// Resume goes on with a run that an earlier process left, which may have sent
// what is still under way. status is that of the recorded result, fate that of
// a run nobody owns; for RecordedStarted both are given by the Run.
func Resume(rules Rules, at Recorded, fate Fate, status Status) (Run, []Action) {
	r := Run{Fate: fate, Status: status, rules: rules, unsure: true}
	switch at {
	case RecordedAccepted:
		r.Status = ""
		return r.accepted()
	case RecordedFate:
		return r.read(Claiming)
	case RecordedStarted:
		r.Fate, r.Begun = Interrupted, true
		r.Status = r.Fate.Final("")
		r, actions := r.read(Delivering)
		return r, append([]Action{RecordEnded}, actions...)
	}
	return r.read(Delivering)
}

// Next is what a run becomes by an event, and what is to be done. Events that
// mean nothing to the run, late answers above all, change nothing.
func (r Run) Next(e Event) (Run, []Action) {
	switch {
	case r.State.Over():
		return r, nil
	case e.Kind == GotSlot && r.doing != acquiring:
		return r, []Action{Release}
	case e.Kind == DidRead && r.doing != reading,
		e.Kind == DidWrite && r.doing != claiming && r.doing != progressing && r.doing != writing,
		e.Kind == TimeUp && r.doing != settling && r.doing != retrying && r.doing != confirming:
		return r, nil
	}
	switch r.State {
	case Waiting:
		return r.waiting(e)
	case Claiming:
		return r.claiming(e)
	case Running, Stopping:
		return r.running(e)
	default:
		return r.delivering(e)
	}
}

func (r Run) waiting(e Event) (Run, []Action) {
	switch e.Kind {
	case GotSlot:
		r.slot = true
		return r.read(Claiming)
	case TimeUp:
		return r.acquire()
	case Kill:
		return r.doom(Killed)
	case Drain:
		return r.leave()
	}
	return r, nil
}

// doom gives a run its fate before it has an owner.
func (r Run) doom(fate Fate) (Run, []Action) {
	var actions []Action
	if fate == Killed {
		actions = []Action{RecordKill}
	}
	r.Fate = fate
	r, actions = r.release(actions)
	if r.State == Waiting {
		r, next := r.read(Claiming)
		return r, append(actions, next...)
	}
	return r, actions
}

// leave ends what has no owner for this process.
func (r Run) leave() (Run, []Action) {
	switch {
	case r.Fate != NoFate:
		return r, nil // on its way to an end already
	case r.rules.Ephemeral:
		return r.doom(Drained)
	}
	r, actions := r.release(nil)
	r.State, r.doing = Halted, nothing
	return r, actions
}

func (r Run) acquire() (Run, []Action) {
	r.doing = acquiring
	return r, []Action{Acquire}
}

func (r Run) read(s State) (Run, []Action) {
	r.State, r.doing = s, reading
	return r, []Action{Read}
}

// release appends Release to actions where there is something to give back.
func (r Run) release(actions []Action) (Run, []Action) {
	if r.slot || r.doing == acquiring {
		r.slot = false
		actions = append(actions, Release)
	}
	return r, actions
}

func (r Run) wait(d doing, a Action) (Run, []Action) {
	r.doing = d
	return r, []Action{a}
}

func (r Run) drop() (Run, []Action) {
	r, actions := r.release([]Action{RecordDropped})
	r.State, r.doing = Dropped, nothing
	return r, actions
}
