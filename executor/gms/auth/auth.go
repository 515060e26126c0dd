// Package auth makes the value of the Authorization header that GMS accepts:
// a personal access token, DataHub's own system client, or a short-lived token
// of an identity provider. A source hands out a value that is valid now; what
// expires is fetched again in time, what is rotated on disk is read again.
//
// No error of this package carries a credential.
package auth

import (
	"context"
	"errors"
)

// Source is one way to authenticate. It is safe for concurrent use.
type Source interface {
	// Header returns the value of the Authorization header, or "" where the
	// server takes requests without one. Its errors are ErrUnavailable, which
	// a later call may not meet, or ErrRefused, which need a person.
	Header(ctx context.Context) (string, error)
	// Invalidate says that the server refused the last value: the next Header
	// does not come from a cache.
	Invalidate()
}

var (
	// ErrConfig is the error for settings that cannot work; it names what is missing.
	ErrConfig = errors.New("authentication is not configured")
	// ErrRefused is the error for a credential that does not exist or that the
	// identity provider does not accept.
	ErrRefused = errors.New("authentication refused")
	// ErrUnavailable is the error for an identity provider that gives no answer now.
	ErrUnavailable = errors.New("identity provider unavailable")
)

// Lasting says that a source always gives the same value, so that who has it
// need not ask again.
func Lasting(s Source) bool {
	_, ok := s.(fixed)
	return ok
}

// Fresh is Header for somebody who cannot ask again: a token of an identity
// provider is a new one, with its whole life before it, as long as the
// provider can be reached.
func Fresh(ctx context.Context, s Source) (string, error) {
	if g, ok := s.(*grant); ok {
		return g.fresh(ctx)
	}
	return s.Header(ctx)
}

// fixed is a value that never changes.
type fixed string

func (f fixed) Header(context.Context) (string, error) { return string(f), nil }
func (fixed) Invalidate()                              {}

// None is the source for a server that does not authenticate anybody.
func None() Source { return fixed("") }

// Token is a personal access token, or any other bearer token that lasts. It
// fails with ErrConfig where the token is empty or cannot be part of a header.
func Token(token string) (Source, error) {
	if err := usable("the token", token); err != nil {
		return nil, err
	}
	return fixed("Bearer " + token), nil
}

// SystemClient is DataHub's own account. GMS expects id and secret as they are
// behind the word Basic, not in the base64 form of RFC 7617.
func SystemClient(id, secret string) (Source, error) {
	if err := errors.Join(usable("the system client's id", id), usable("the system client's secret", secret)); err != nil {
		return nil, err
	}
	return fixed("Basic " + id + ":" + secret), nil
}
