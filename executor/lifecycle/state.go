package lifecycle

// State of a run on this executor.
type State string

// States. The last three are where a run ends for this process.
const (
	Waiting    State = "waiting"    // accepted; has no slot
	Claiming   State = "claiming"   // finds out whether the run is ours
	Running    State = "running"    // ours, given to the runner
	Stopping   State = "stopping"   // the runner was told to end it
	Delivering State = "delivering" // ended; the server is to learn it
	Delivered  State = "delivered"  // the server has a result that ends the run
	Dropped    State = "dropped"    // somebody else's
	Halted     State = "halted"     // left in the journal for the next process
)

// Over tells whether nothing more will happen to the run in this process.
func (s State) Over() bool { return s == Delivered || s == Dropped || s == Halted }

// Fate is why a run ends in another way than by itself.
type Fate string

// Fates; NoFate is that of a run that goes its way.
const (
	NoFate      Fate = ""
	Killed      Fate = "killed"      // somebody asked for it
	Refused     Fate = "refused"     // the request cannot be run
	Interrupted Fate = "interrupted" // an earlier process of this executor went in the middle of it
	TimedOut    Fate = "timed-out"
	Drained     Fate = "drained"   // the executor is going down
	Overruled   Fate = "overruled" // the server has a result of somebody else that cannot be changed
)

// Status is what the server stores.
type Status string

// Statuses that an executor writes.
const (
	StatusRunning   Status = "RUNNING"
	StatusSuccess   Status = "SUCCESS"
	StatusFailure   Status = "FAILURE"
	StatusCancelled Status = "CANCELLED"
)

// Immutable tells whether the server refuses to change a status. The last two
// are written by whoever cleans up (DataHub's sweeper).
func (s Status) Immutable() bool {
	switch s {
	case StatusSuccess, StatusCancelled, "ABORTED", "DUPLICATE":
		return true
	}
	return false
}

// Final is the status to report for a run with a fate whose runner reported
// status. A child that finished in spite of being stopped did finish, and
// nobody's run is called cancelled without being asked.
func (f Fate) Final(status Status) Status {
	switch {
	case status == StatusSuccess && f != Refused && f != Interrupted:
		return StatusSuccess
	case f == Killed:
		return StatusCancelled
	}
	return StatusFailure
}

// doing is what the driver is at for a run. There is one thing at a time; the
// child and Release aside, every action that takes time is one.
type doing uint8

const (
	nothing doing = iota
	acquiring
	reading
	claiming
	progressing
	writing
	settling
	retrying
	confirming
)

// Told tells whether the server took the run's result, and only a last look is
// left.
func (r Run) Told() bool { return r.State == Delivering && r.doing == confirming }
