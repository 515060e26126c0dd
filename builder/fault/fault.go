// Package fault gives every error of lockforge a kind, a place and a hint.
//
// The kind decides the exit code of the process and is what callers and tests
// match on; the text is for people and may change at any time.
package fault

import (
	"errors"
	"fmt"
	"syscall"
)

// Kind classifies an error. The zero value is Internal.
type Kind int

const (
	Internal    Kind = iota // a defect of lockforge, or anything unclassified
	Usage                   // wrong flags or arguments
	Manifest                // the plugin manifest is invalid
	LockMissing             // there is no lock file
	LockDrift               // the lock is damaged or was made for another manifest
	Resolve                 // a dependency cannot be resolved or accepted
	Build                   // a build step failed
	EngineDown              // BuildKit cannot be started or reached
	DiskFull                // no space is left on a disk, or a quota is used up
	Denied                  // the policy denied the image, or what is required of it has not passed
	Integrity               // bytes do not match the lock, a digest or an SBOM
	Signature               // a signature is missing or not trusted
	Policy                  // the policy could not be evaluated
	Network                 // a registry, index or mirror cannot be used
	Sign                    // signing did not succeed
	Cancelled               // interrupted by the user
)

// kinds lists every kind in order, with its exit code and its meaning; the
// table in docs/reference/exit-codes.md is generated from it.
var kinds = []struct {
	name    string
	code    int
	meaning string
}{
	Internal:    {"internal", 1, "internal error, unclassified"},
	Usage:       {"usage", 2, "wrong usage"},
	Manifest:    {"manifest", 10, "manifest invalid"},
	LockMissing: {"lock-missing", 11, "lock missing"},
	LockDrift:   {"lock-drift", 12, "lock damaged, or does not match the manifest"},
	Resolve:     {"resolve", 13, "dependency cannot be resolved"},
	Build:       {"build", 20, "a build step failed"},
	EngineDown:  {"engine-down", 21, "BuildKit unreachable"},
	DiskFull:    {"disk-full", 22, "no space left on a disk, or a quota used up"},
	Denied:      {"denied", 30, "policy denied the image, or a test or probe that is required has not passed"},
	Integrity:   {"integrity", 31, "bytes do not match lock, digest or SBOM"},
	Signature:   {"signature", 32, "signature missing or not trusted"},
	Policy:      {"policy", 33, "policy could not be evaluated"},
	Network:     {"network", 40, "registry, index or network"},
	Sign:        {"sign", 41, "signing failed"},
	Cancelled:   {"cancelled", 130, "cancelled"},
}

// Kinds returns every kind, in the order of their exit codes.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i := range kinds {
		all[i] = Kind(i)
	}
	return all
}

func (k Kind) String() string { return kinds[k].name }

// ExitCode is the status with which the process ends on an error of this kind.
func (k Kind) ExitCode() int { return kinds[k].code }

// Meaning says in a few words what the kind stands for.
func (k Kind) Meaning() string { return kinds[k].meaning }

// Pos is a place in an input file. Line and Column count from 1; 0 is unknown.
type Pos struct {
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

// IsZero reports whether the position says nothing.
func (p Pos) IsZero() bool { return p == Pos{} }

// String gives file:line:column, leaving out what is unknown.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Column == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	default:
		return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
}

// Error is an error with a kind, and optionally a place and a hint.
// Make one with New or Wrap; the methods At and Hint return changed copies.
type Error struct {
	kind Kind
	text string
	err  error
	pos  Pos
	hint string
}

// New makes an error without a cause.
func New(k Kind, format string, args ...any) *Error {
	return &Error{kind: k, text: fmt.Sprintf(format, args...)}
}

// Wrap makes an error from a cause. The text says what was being done: gerund
// and object, lower case ("reading lock m.lock").
func Wrap(k Kind, err error, format string, args ...any) *Error {
	return &Error{kind: k, text: fmt.Sprintf(format, args...), err: err}
}

// At returns a copy of e that names a place.
func (e *Error) At(p Pos) *Error {
	c := *e
	c.pos = p
	return &c
}

// Hint returns a copy of e that tells the user what to do, in one line.
func (e *Error) Hint(format string, args ...any) *Error {
	c := *e
	c.hint = fmt.Sprintf(format, args...)
	return &c
}

// Kind returns the kind of e.
func (e *Error) Kind() Kind { return e.kind }

// Pos returns the place of e; it is zero where e has none.
func (e *Error) Pos() Pos { return e.pos }

func (e *Error) Error() string {
	text := e.text
	if !e.pos.IsZero() {
		text = e.pos.String() + ": " + text
	}
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *Error) Unwrap() error { return e.err }

// KindOf returns the kind of the outermost *Error in err's tree, or Internal.
// Whatever was being done on a disk without space, the disk is what is wrong.
func KindOf(err error) Kind {
	if noSpace(err) {
		return DiskFull
	}
	var e *Error
	if errors.As(err, &e) {
		return e.kind
	}
	return Internal
}

// noSpace finds what the operating system says of a disk or a quota.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// hintNoSpace is the hint of every error of that kind.
const hintNoSpace = "the disk or quota is full: free some space, or choose other folders with --cache-dir, --output and TMPDIR"

// Is reports whether err's tree holds an *Error of kind k.
func Is(err error, k Kind) bool {
	found := k == DiskFull && noSpace(err)
	walk(err, func(e *Error) { found = found || e.kind == k })
	return found
}

// Hints returns the hints in err's tree, outermost first, without repeats.
func Hints(err error) []string {
	if noSpace(err) {
		return []string{hintNoSpace} // nothing else helps
	}
	var hints []string
	seen := map[string]bool{}
	walk(err, func(e *Error) {
		if e.hint != "" && !seen[e.hint] {
			seen[e.hint] = true
			hints = append(hints, e.hint)
		}
	})
	return hints
}

// All returns the *Errors at the top of each branch of err's tree: the
// problems of a joined error one by one, or the one error itself.
func All(err error) []*Error {
	var found []*Error
	var visit func(error)
	visit = func(err error) {
		var joined interface{ Unwrap() []error }
		if e, ok := err.(*Error); ok {
			found = append(found, e)
		} else if errors.As(err, &joined) {
			for _, branch := range joined.Unwrap() {
				visit(branch)
			}
		}
	}
	if err != nil {
		visit(err)
	}
	return found
}

func walk(err error, visit func(*Error)) {
	if err == nil {
		return
	}
	if e, ok := err.(*Error); ok {
		visit(e)
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		walk(u.Unwrap(), visit)
	case interface{ Unwrap() []error }:
		for _, branch := range u.Unwrap() {
			walk(branch, visit)
		}
	}
}
