package lifecycle

func (r Run) claiming(e Event) (Run, []Action) {
	switch e.Kind {
	case DidRead:
		return r.saw(e.Seen)
	case DidWrite:
		return r.claimed(e.Answer)
	case TimeUp:
		r.settled = r.settled || r.doing == settling
		return r.read(Claiming)
	case Kill:
		if r.Fate == NoFate || r.Fate == Drained {
			return r.doom(Killed)
		}
	case Drain:
		return r.leave()
	}
	return r, nil
}

// saw judges what the server has. An answer other than none counts once no
// claim can be under way that would change it, our own late ones included.
func (r Run) saw(s Seen) (Run, []Action) {
	switch {
	case s == Unreadable:
		return r.again()
	case s == Absent:
		r.settled = false
		return r.wait(claiming, Claim)
	case s == Ended:
		return r.drop()
	case r.rules.Settle && !r.settled:
		return r.wait(settling, Settle)
	case s == Ours:
		return r.own()
	}
	return r.drop()
}

func (r Run) claimed(a Answer) (Run, []Action) {
	switch {
	case a == Immutable:
		return r.drop()
	case a == Unknown:
		r.unsure = true
		return r.again()
	case a == TooLarge, a == Never:
		return r.again()
	case a == Written && r.rules.Settle:
		return r.wait(settling, Settle)
	}
	return r.read(Claiming)
}

// again tries later. Others may have the slot until then.
func (r Run) again() (Run, []Action) {
	r.Attempts++
	r, actions := r.release(nil)
	if r.Fate == NoFate {
		r.State = Waiting
	}
	r.doing = retrying
	return r, append(actions, Retry)
}

// own is what the owner does: start the run, or end it.
func (r Run) own() (Run, []Action) {
	r.Attempts = 0
	if r.Fate == NoFate {
		r.State, r.doing = Running, nothing
		return r, []Action{Start}
	}
	return r.end("")
}

// end makes the result durable and sends it.
func (r Run) end(status Status) (Run, []Action) {
	r.Status = r.Fate.Final(status)
	r, actions := r.release([]Action{RecordEnded, Write})
	r.State, r.doing = Delivering, writing
	return r, actions
}
