// Package remote has what the stores of secrets in other services have in
// common: which names they may be asked for, and errors that never show a value.
package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Kind sorts errors by who can mend them.
type Kind string

// The kinds.
const (
	// Unavailable: not reached, too slow, out of order or throttling; it may
	// work later.
	Unavailable Kind = "unavailable"
	// Credentials: there are none, or the service does not take them.
	Credentials Kind = "credentials"
	// Denied: the service knows who asks and refuses.
	Denied Kind = "denied"
	// Unusable: the secret exists and has no text to give.
	Unusable Kind = "unusable"
	// Protocol: an answer that makes no sense.
	Protocol Kind = "protocol"
)

// Error is the error of a remote store. Its texts are the store's own words:
// of what a service or an SDK said, only checked identifiers get in, for their
// texts may quote an answer, and answers are secrets.
type Error struct {
	Kind Kind
	// Names as the service knows them, sorted; none where the whole question failed.
	Names  []string
	Reason string
	Hint   string // what to do about it; may be empty
	// Ended is context.Canceled or context.DeadlineExceeded where the time was
	// up, else nil.
	Ended error
}

func (e *Error) Error() string {
	var text strings.Builder
	if len(e.Names) > 0 {
		text.WriteString(strings.Join(e.Names, ", ") + ": ")
	}
	text.WriteString(e.Reason)
	if e.Ended != nil {
		fmt.Fprintf(&text, " (%v)", e.Ended)
	}
	if e.Hint != "" {
		text.WriteString("; " + e.Hint)
	}
	return text.String()
}

// Unwrap returns Ended.
func (e *Error) Unwrap() error { return e.Ended }

// KindOf returns the kind of the first *Error in err, "" where there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

// Ended returns which context error ended a call: that of ctx, or the one that
// err wraps; nil where the call ended otherwise.
func Ended(ctx context.Context, err error) error {
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(ctx.Err(), end) || errors.Is(err, end) {
			return end
		}
	}
	return nil
}

// Join makes one error of many. Those that differ in their names only become
// one that lists all names, so that one missing permission is one line. The
// order does not depend on that of problems.
func Join(problems []*Error) error {
	type key struct {
		kind         Kind
		reason, hint string
		ended        error
	}
	merged := map[key]*Error{}
	for _, p := range problems {
		k := key{p.Kind, p.Reason, p.Hint, p.Ended}
		if merged[k] == nil {
			merged[k] = &Error{Kind: p.Kind, Reason: p.Reason, Hint: p.Hint, Ended: p.Ended}
		}
		merged[k].Names = append(merged[k].Names, p.Names...)
	}
	var all []*Error
	for _, e := range merged {
		slices.Sort(e.Names)
		e.Names = slices.Compact(e.Names)
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b *Error) int { return strings.Compare(a.Error(), b.Error()) })
	errs := make([]error, len(all))
	for i, e := range all {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// maxNameBytes is the longest name that a recipe can refer to.
const maxNameBytes = 255

// ValidName reports whether a name can come from a recipe's ${NAME}: letters,
// digits and underscores of ASCII. A store asks for nothing else, for to a
// service a name with separators is a path, or another account's secret.
func ValidName(name string) bool {
	return name != "" && len(name) <= maxNameBytes && Made(name, "_")
}

// Made reports whether a text has nothing but letters and digits of ASCII and
// the bytes of also.
func Made(text, also string) bool {
	for _, c := range []byte(text) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte(also, c) < 0 {
			return false
		}
	}
	return true
}
