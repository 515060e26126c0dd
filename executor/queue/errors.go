package queue

import "errors"

// Errors that callers tell apart.
var (
	// ErrID says that a run cannot be told: no answer can be given.
	ErrID = errors.New("unusable run id")
	// ErrMalformed says that an aspect is not what DataHub sends.
	ErrMalformed = errors.New("malformed aspect")
)
