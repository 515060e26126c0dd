package gms

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what a caller can do about an error.
type Kind string

// The kinds of errors.
const (
	// Unauthorized: the server does not know who calls.
	Unauthorized Kind = "unauthorized"
	// Forbidden: the caller lacks a privilege.
	Forbidden Kind = "forbidden"
	// NotFound: there is no such address on the server; absence of an aspect is no error.
	NotFound Kind = "not found"
	// Rejected: the server understands the request and will never take it.
	Rejected Kind = "rejected"
	// TooLarge: the request is larger than the server or its stores take.
	TooLarge Kind = "too large"
	// Unavailable: no answer, or one that says to come again. The call has been
	// repeated already; its caller may repeat it later.
	Unavailable Kind = "unavailable"
	// Protocol: the answer is not one of GMS.
	Protocol Kind = "protocol"
)

// maxDetail bounds what an error keeps of an answer, in bytes.
const maxDetail = 2 << 10

// Error is the error of every call. Detail is text of the server, which may
// repeat what was sent to it, but never a credential.
type Error struct {
	Kind   Kind
	Op     string // "proposing dataHubExecutionRequestResult"
	Status int    // of HTTP; 0 where there was no answer
	Detail string // at most maxDetail bytes, one line
	Hint   string // what to do, or ""

	// Immutable says that the run has a status that GMS lets nobody change.
	Immutable bool
	// Exists says that the condition of a write does not hold: the aspect is
	// there, or has another version.
	Exists bool
	// Attempts is how often the call was made. With more than one, Immutable
	// and Exists may tell of this call's own write, the answer to which was
	// lost: read the aspect to know.
	Attempts int
	// RetryAfter is how long the server asks to wait; 0 where it does not.
	RetryAfter time.Duration

	err   error
	final bool // not to be repeated, whatever the kind
}

func (e *Error) Error() string {
	text := string(e.Kind)
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d)", e.Status)
	}
	if e.Op != "" {
		text = e.Op + ": " + text
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// Unwrap returns the cause, such as the end of the context.
func (e *Error) Unwrap() error { return e.err }

// KindOf returns the kind of an error of this package, or "".
func KindOf(err error) Kind {
	var e *Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.Kind
}
