package fetch

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
)

// explain turns what went wrong at each place of a file into one error that
// names the file and its origin. Wrong bytes weigh more than missing ones.
func explain(f lock.File, errs []error) error {
	cause := errors.Join(errs...)
	kind := fault.Network
	switch {
	case errors.Is(cause, context.Canceled), fault.Is(cause, fault.Cancelled):
		kind = fault.Cancelled
	case slices.ContainsFunc(errs, func(err error) bool { return isDisk(err) }):
		kind = fault.Internal
	case fault.Is(cause, fault.Integrity):
		kind = fault.Integrity
	case fault.Is(cause, fault.Manifest):
		kind = fault.Manifest
	}
	e := fault.Wrap(kind, cause, "fetching %s from %s", f.Name, place(f))
	if kind == fault.Network && !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, index.ErrNotFound) }) {
		return gone(f, e)
	}
	if kind == fault.Integrity {
		return e.Hint("the mirror serves other bytes than were locked: do not trust it before you know why; another mirror or a bundle can stand in")
	}
	return e
}

// isDisk reports whether the outermost classified error is one of the disk.
func isDisk(err error) bool {
	var e *fault.Error
	return errors.As(err, &e) && e.Kind() == fault.Internal
}

// place names the origin in the user's words.
func place(f lock.File) string {
	if archive, ok := strings.CutPrefix(f.Origin, "debian:"); ok {
		return "Debian archive " + archive
	}
	return "index " + f.Origin
}

// gone says what to do about a file that left the place it was locked from.
func gone(f lock.File, e *fault.Error) error {
	if strings.HasPrefix(f.Origin, "debian:") {
		return e.Hint("%s has left the archive, which keeps only current versions: lock anew, or fetch from a bundle or a snapshot mirror", f.Name)
	}
	return e.Hint("%s has left the index: lock anew, or fetch from a bundle or a mirror that keeps old files", f.Name)
}
