package gcpsm

import "google.golang.org/api/option"

// NewWith is New for a service that takes other options, such as a test's.
func NewWith(o Options, also ...option.ClientOption) (*Store, error) { return newStore(o, also) }
