package lifecycle

// running is for Running and Stopping: a runner has the run.
func (r Run) running(e Event) (Run, []Action) {
	switch e.Kind {
	case WantsStart:
		if r.State == Running && !r.Begun {
			r.Begun = true
			return r, []Action{RecordStarting}
		}
	case HasStarted:
		if r.Begun {
			return r, []Action{RecordStarted}
		}
	case WantsTick:
		if r.State == Running && r.doing == nothing {
			return r.wait(progressing, Progress)
		}
	case DidWrite:
		return r.progressed(e.Answer)
	case Kill:
		return r.stop(Killed)
	case Timeout:
		return r.stop(TimedOut)
	case Evict:
		return r.stop(Drained)
	case Exited:
		return r.exited(e.Status)
	}
	return r, nil
}

func (r Run) progressed(a Answer) (Run, []Action) {
	r.doing = nothing
	switch a {
	case Unknown:
		r.unsure = true
	case Immutable:
		return r.stop(Overruled)
	}
	return r, nil
}

// stop tells the runner to end the run, once. A KILL makes the end CANCELLED
// even where the executor's own going down stopped the run before; that the
// server's mind is made up beats everything.
func (r Run) stop(fate Fate) (Run, []Action) {
	var actions []Action
	switch {
	case fate == r.Fate,
		r.Fate != NoFate && fate != Overruled && !(fate == Killed && r.Fate == Drained):
		return r, nil
	case fate == Killed:
		actions = []Action{RecordKill}
	}
	r.Fate = fate
	if r.State == Running {
		r.State = Stopping
		actions = append(actions, Stop)
	}
	return r, actions
}

func (r Run) exited(status Status) (Run, []Action) {
	var before []Action
	if r.doing == progressing {
		r.unsure, r.doing = true, nothing
		before = []Action{Abandon}
	}
	if r.Fate == Overruled {
		r, actions := r.drop()
		return r, append(before, actions...)
	}
	r, actions := r.end(status)
	return r, append(before, actions...)
}

func (r Run) delivering(e Event) (Run, []Action) {
	switch e.Kind {
	case DidRead:
		return r.looked(e.Seen)
	case DidWrite:
		return r.wrote(e.Answer)
	case TimeUp:
		if r.doing == confirming {
			r.unsure = false
		}
		return r.read(Delivering)
	case Kill:
		// Somebody waits for it: do not let the result wait longer.
		if r.doing == retrying {
			return r.read(Delivering)
		}
	}
	return r, nil
}

// looked goes on after an answer that got lost, a restart or a doubt. Any
// result that ends the run is left as it is: there is to be one.
func (r Run) looked(s Seen) (Run, []Action) {
	switch s {
	case Unreadable:
		r.Attempts++
		return r.wait(retrying, Retry)
	case Ended:
		return r.delivered()
	case EndedLoose:
		return r.settle(false)
	}
	return r.wait(writing, Write)
}

func (r Run) wrote(a Answer) (Run, []Action) {
	switch {
	case a == Written:
		return r.settle(r.Status.Immutable())
	case a == Immutable:
		return r.read(Delivering) // whose is it?
	case r.Shrinks < MaxShrinks && a == TooLarge:
		r.Shrinks++
		return r, []Action{Shrink, Write}
	case r.Shrinks < MaxShrinks && a == Never:
		r.Shrinks = MaxShrinks
		return r, []Action{Shrink, Write}
	}
	r.Attempts++
	return r.wait(retrying, Retry)
}

// settle is for a run that the server has as ended: a RUNNING that is still
// under way may undo that, unless the server's status is immutable.
func (r Run) settle(immutable bool) (Run, []Action) {
	if r.unsure && !immutable {
		return r.wait(confirming, Confirm)
	}
	return r.delivered()
}

func (r Run) delivered() (Run, []Action) {
	r.State, r.doing = Delivered, nothing
	return r, []Action{RecordDelivered}
}
