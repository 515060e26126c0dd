package ingestion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind says why a run did not start.
type Kind string

// Kinds of refusal.
const (
	Malformed  Kind = "malformed"  // the request's arguments cannot be read
	Version    Kind = "version"    // another CLI than the bundled one
	Packages   Kind = "packages"   // packages to install at run time
	Variables  Kind = "variables"  // environment variables that no run may set
	Limits     Kind = "limits"     // a bound without a unit, or out of bounds
	NotBundled Kind = "bundle"     // no venv for the source type
	BadRecipe  Kind = "recipe"     // a recipe that cannot be read
	Forbidden  Kind = "policy"     // a recipe that may not run
	Secrets    Kind = "secrets"    // no value for a name, or none that can be masked
	Local      Kind = "local"      // disk, processes: not the request's fault
	Credential Kind = "credential" // the executor's own access to the server
)

// Error is one reason why a run did not start.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

func refuse(k Kind, format string, args ...any) error {
	return &Error{Kind: k, Err: fmt.Errorf(format, args...)}
}

// KindsOf returns the kinds of all refusals in an error, sorted, each once.
func KindsOf(err error) []Kind {
	var kinds []Kind
	for _, e := range reasons(err) {
		var refusal *Error
		if errors.As(e, &refusal) {
			kinds = append(kinds, refusal.Kind)
		}
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// reasons takes apart what errors.Join put together.
func reasons(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, reasons(e)...)
	}
	return all
}

// oneLine makes an error a single line.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
