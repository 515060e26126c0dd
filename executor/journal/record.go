package journal

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Bounds of a record.
const (
	// MaxDataBytes bounds the compact JSON of one record's data: an event of
	// 16 MiB, or a result within any server's limit, with room to spare.
	MaxDataBytes = 32 << 20
	// MaxIDBytes bounds the id of a run.
	MaxIDBytes = 256
)

// State is what became of a run. The order below is the only one.
type State string

// States of a run.
const (
	Accepted  State = "accepted"  // the task source may forget the request; data: the request
	Starting  State = "starting"  // a child may exist from now on
	Started   State = "started"   // data: the process
	Ended     State = "ended"     // data: the result to deliver; again: another result in its place
	Delivered State = "delivered" // the server has the result
	Dropped   State = "dropped"   // nothing is to be delivered: another executor owns the run
)

// rank orders the states; 0 is no state. From final on nothing follows.
type rank uint8

const (
	unknown rank = iota
	accepted
	starting
	started
	ended
	delivered
	dropped
	ranks

	final = delivered
)

var states = [ranks]State{accepted: Accepted, starting: Starting, started: Started, ended: Ended, delivered: Delivered, dropped: Dropped}

func rankOf(s State) rank {
	for r, name := range states {
		if name == s && s != "" {
			return rank(r)
		}
	}
	return unknown
}

// follows says whether a run in state r can get state next.
func (r rank) follows(next rank) error {
	switch {
	case next == accepted && r != unknown:
		return ErrDuplicate
	case next == accepted:
		return nil
	case r == unknown:
		return fmt.Errorf("%w: %s of a run that was not accepted", ErrOrder, states[next])
	case next > r && r < final, next == ended && r == ended:
		return nil
	default:
		return fmt.Errorf("%w: %s after %s", ErrOrder, states[next], states[r])
	}
}

// Record is one step of one run.
type Record struct {
	Seq   uint64          // given by Append; orders records, whatever the clock did
	At    int64           // Unix milliseconds; 0: Append asks Options.Now
	ID    string          // printable ASCII without quote and backslash, MaxIDBytes
	State State           //
	Data  json.RawMessage // any JSON, MaxDataBytes
}

// check validates a record for Append and returns its data in compact form.
func (r Record) check() (json.RawMessage, error) {
	if rankOf(r.State) == unknown {
		return nil, fmt.Errorf("%w: state %q", ErrInvalid, r.State)
	}
	if r.ID == "" || len(r.ID) > MaxIDBytes {
		return nil, fmt.Errorf("%w: an id of %d bytes", ErrInvalid, len(r.ID))
	}
	for _, c := range []byte(r.ID) {
		if c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return nil, fmt.Errorf("%w: id %q", ErrInvalid, r.ID)
		}
	}
	if len(r.Data) == 0 {
		return nil, nil
	}
	if len(r.Data) > MaxDataBytes {
		return nil, fmt.Errorf("%w: %d bytes of data; the limit is %d", ErrInvalid, len(r.Data), MaxDataBytes)
	}
	var compact bytes.Buffer
	compact.Grow(len(r.Data))
	if err := json.Compact(&compact, r.Data); err != nil {
		return nil, fmt.Errorf("%w: data: %v", ErrInvalid, err)
	}
	return compact.Bytes(), nil
}
