// Package lifecycle decides what an executor may do with a run, and when. It
// is pure: a Run and an Event give the next Run and Actions for a driver, which
// feeds back what came of them. No clock, no randomness, no I/O.
//
//	        Request                slot            ours               child ended
//	(nothing) ─► Waiting ─────────► Claiming ─────► Running ─► Stopping ─► Delivering ─► Delivered
//	               │ ▲ server away     │  │ fate is known already              ▲             ▲
//	               │ └─────────────────┘  └────────────────────────────────────┘             │
//	               └ drain: Halted     └ somebody else's: Dropped      overruled: Dropped ───┘
//
// A driver carries the actions of one event out in their order, and stops where
// it crashes. The ones that write the journal come before what they are about:
//
//   - RecordStarting before a child may exist: after it, no process starts one.
//   - RecordEnded before the result is sent.
//   - RecordKill before a signal is acknowledged.
//   - RecordDelivered and RecordDropped when nothing is left to do.
//
// # Ownership
//
// Whoever made the server store RUNNING with its own marker owns a run; only
// the owner starts a child, and only the owner writes a status that ends it.
// What is decided before there is an owner (a KILL for a waiting run, a request
// that cannot be run) is therefore a fate: the run is claimed like any other,
// and then ended instead of started.
//
// Where the server creates atomically (Rules.Settle false) a claim that was
// taken is final. Where it cannot, the last of several claims stays; each
// claimant waits until no claim can be under way any more and looks again. That
// holds while reading, writing and lateness of a lost write take less than the
// time the driver waits on Settle.
//
// A write whose answer got lost may land late. Late claims and late progress
// bounce off immutable statuses, but FAILURE is not immutable: where a RUNNING
// may be under way, the run is looked at again after Confirm.
package lifecycle
