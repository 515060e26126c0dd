package lifecycle

import "fmt"

// simResult is what the simulated server has of a run.
type simResult struct {
	status Status
	owner  string // of the marker; "" is not an executor of ours
}

// simServer is a server as the executors see it: immutable statuses, and
// creation that is atomic or not there at all.
type simServer struct {
	w       *world
	atomic  bool
	down    bool
	results map[string]simResult
}

func (s *simServer) see(id, owner string) Seen {
	result, ok := s.results[id]
	switch {
	case !ok:
		return Absent
	case result.status == StatusRunning && result.owner == owner:
		return Ours
	case result.status == StatusRunning:
		return Others
	case result.status.Immutable():
		return Ended
	}
	return EndedLoose
}

// write is a proposal that arrived, maybe long after its sender gave up.
func (s *simServer) write(id string, r simResult, create bool) Answer {
	old, exists := s.results[id]
	switch {
	case exists && old.status.Immutable():
		return Immutable
	case exists && create && s.atomic:
		return Exists
	}
	s.w.trace("server: %s %+v -> %+v", id, old, r)
	if r.status != StatusRunning && r.owner != "" {
		s.judge(id, old, exists, r)
	}
	s.results[id] = r
	return Written
}

// judge checks that whoever ends a run owns it, and that it ends one way.
func (s *simServer) judge(id string, old simResult, exists bool, r simResult) {
	switch {
	case !exists:
		s.w.violate("%s was ended by %s without having been claimed", id, r.owner)
	case old.owner != r.owner:
		s.w.violate("%s was ended by %s, and it is %s's", id, r.owner, old.owner)
	case old.status != StatusRunning && old.status != r.status:
		s.w.violate("%s ended twice: %s, then %s", id, old.status, r.status)
	}
	run := s.w.runs[id]
	if run.ended != "" && run.ended != r.status {
		s.w.violate("%s ended as %s, then as %s", id, run.ended, r.status)
	}
	run.ended = r.status
	if r.status == StatusCancelled && !run.killed {
		s.w.violate("%s is CANCELLED and nobody asked for it", id)
	}
}

// meddle is somebody else's write: the sweeper's ABORTED, a forced CANCELLED.
func (s *simServer) meddle(id string) {
	if result, ok := s.results[id]; ok && result.status == StatusRunning {
		status := []Status{"ABORTED", StatusCancelled}[s.w.rng.IntN(2)]
		s.write(id, simResult{status: status}, false)
		s.w.runs[id].meddled = true
	}
}

// call carries one request to the server and its answer back. Requests get
// lost, arrive after their sender gave up, or are answered to nobody.
func (s *simServer) call(arrive func(), answer func(ok bool)) {
	w := s.w
	there, back := w.between(1, 40), w.between(1, 40)
	trouble := w.rng.Float64() < w.trouble
	switch {
	case s.down && w.rng.IntN(2) == 0:
		w.after(5, func() { answer(false) })
	case s.down, trouble && w.rng.IntN(3) == 0: // never arrives
		w.after(simTimeout, func() { answer(false) })
	case trouble && w.rng.IntN(2) == 0: // arrives, perhaps late; the answer is lost
		w.after(w.between(1, simLate), arrive)
		w.after(simTimeout, func() { answer(false) })
	default:
		w.after(there, func() {
			arrive()
			w.after(back, func() { answer(true) })
		})
	}
}

func (r simResult) String() string { return fmt.Sprintf("%s of %q", r.status, r.owner) }
