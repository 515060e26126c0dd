package lifecycle

// Kind of an event.
type Kind uint8

// Events. Those of the first group answer an action.
const (
	GotSlot  Kind = iota // Acquire
	DidRead              // Read; Seen says what
	DidWrite             // Claim, Progress or Write; Answer says what came of it
	TimeUp               // Settle, Retry or Confirm
	Exited               // Start: the runner returned; Status says with what

	WantsStart // the runner is about to make the child exist
	HasStarted // the child exists
	WantsTick  // it is time for a report of progress
	Kill
	Timeout
	Drain // what has no owner yet is to be left
	Evict // running ones are to be stopped
	kinds
)

// Event is what happens to a run.
type Event struct {
	Kind   Kind
	Seen   Seen
	Answer Answer
	Status Status
}

// Seen is what a read of the run's result showed.
type Seen uint8

// What can be seen.
const (
	Unreadable Seen = iota // no answer
	Absent                 // no result
	Ours                   // RUNNING with our marker
	Others                 // RUNNING with another marker, or none
	Ended                  // any other status: it cannot change
	EndedLoose             // any other status, one that can change
	seens
)

// Answer is what came of a write.
type Answer uint8

// Answers.
const (
	Unknown   Answer = iota // it may have been written, or may be written later
	Written                 //
	Exists                  // not written: there is a result
	Immutable               // not written: the result cannot change
	TooLarge                // not written: a smaller one may be
	Never                   // not written: the server will not take it
	Stale                   // not sent: too long ago that the run was seen without result
	answers
)

// Action is what a driver is to do. Acquire, Read, Claim, Progress, Write,
// Settle, Retry and Confirm take time; each replaces the one before it, whose
// answer no longer counts.
type Action string

// Actions.
const (
	Acquire Action = "acquire" // wait for a slot
	Release Action = "release" // give it back, or stop waiting

	Read     Action = "read"     // the result at the server
	Claim    Action = "claim"    // write RUNNING with our marker; create, never replace, if the server can
	Progress Action = "progress" // write RUNNING with the current text
	Abandon  Action = "abandon"  // do not wait for the progress that is being written
	Write    Action = "write"    // the result that was recorded
	Shrink   Action = "shrink"   // what Write sends from now on: to the Run's Shrinks, see MaxShrinks

	Settle  Action = "settle"  // wait until no claim can be under way
	Retry   Action = "retry"   // wait, longer each time
	Confirm Action = "confirm" // wait until no write can be under way

	Start Action = "start" // give the run to the runner
	Stop  Action = "stop"  // tell the runner; Run.Fate says why

	RecordStarting  Action = "record-starting"  // without it no child may be started
	RecordStarted   Action = "record-started"   // the process
	RecordKill      Action = "record-kill"      // that the run is to end as CANCELLED, should this process end
	RecordEnded     Action = "record-ended"     // the result
	RecordDelivered Action = "record-delivered" //
	RecordDropped   Action = "record-dropped"   //
)
