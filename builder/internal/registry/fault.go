package registry

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/lockforge/lockforge/builder/fault"
)

// Fault turns what go-containerregistry reports into fault.Network with a
// hint. Its texts may hold request addresses; queries and passwords in them
// (signed upload locations, user:password@) are cut out. What is known to be of
// another kind stays so.
func Fault(err error, format string, args ...any) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Network, err, format, args...)
	}
	var status *transport.Error
	if errors.As(err, &status) {
		return statusFault(status, format, args...)
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return fault.Wrap(known.Kind(), known, format, args...)
	}
	var failed *url.Error
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return fault.Wrap(fault.Network, err, format, args...).
		Hint("is the registry reachable, and does it speak TLS? `lockforge doctor` tells")
}

func statusFault(status *transport.Error, format string, args ...any) error {
	text := http.StatusText(status.StatusCode)
	for _, d := range status.Errors {
		// Codes only: messages repeat whatever the server was sent.
		text += ", " + string(d.Code)
	}
	f := fault.Wrap(fault.Network, fault.New(fault.Network, "the registry answered %d %s", status.StatusCode, text), format, args...)
	switch status.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return f.Hint("log in to the registry (docker login), or ask for the right to read or push there")
	case http.StatusNotFound:
		return f.Hint("check the name, the tag and the digest")
	}
	return f
}

// HasStatus reports whether a registry answered with one of the codes.
func HasStatus(err error, codes ...int) bool {
	var status *transport.Error
	return errors.As(err, &status) && slices.Contains(codes, status.StatusCode)
}
