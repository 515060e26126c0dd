package journal

import (
	"errors"
	"fmt"
)

// Errors to match with errors.Is.
var (
	// ErrDuplicate is for Accepted of a run that the journal knows, delivered
	// ones included.
	ErrDuplicate = errors.New("the run is known already")
	// ErrOrder is for a state that cannot follow the run's state, above all a
	// second start.
	ErrOrder = errors.New("the state cannot follow")
	// ErrInvalid is for a record that no journal takes.
	ErrInvalid = errors.New("invalid record")
	// ErrFull is for a disk, or a journal, that is full. The journal goes on:
	// a later record may fit.
	ErrFull = errors.New("no space for the journal")
	// ErrFailed is for a journal whose file is in an unknown state after an
	// error of the disk; only opening it again helps.
	ErrFailed = errors.New("the journal failed before")
	// ErrClosed is for a journal after Close.
	ErrClosed = errors.New("the journal is closed")
	// ErrLocked is for a directory that another process writes.
	ErrLocked = errors.New("another executor uses this state directory; give each one its own")
	// ErrUnknown is for a run, or a state of it, that the journal does not have.
	ErrUnknown = errors.New("not in the journal")
	// ErrVersion is for a journal of a later format.
	ErrVersion = errors.New("the journal is of a newer executor")
)

// CorruptError says that records which were acknowledged are damaged or gone.
type CorruptError struct {
	File   string
	Damage []Damage // at least one
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("journal %s is damaged at %d places, first at offset %d: %s; repairing keeps every intact record",
		e.File, len(e.Damage), e.Damage[0].Offset, e.Damage[0].Reason)
}

// Damage is a part of a journal file that holds no intact record.
type Damage struct {
	Offset int64  `json:"offset"` // bytes
	Length int64  `json:"length"` // bytes; 0 where records are missing altogether
	Reason string `json:"reason"`
}
