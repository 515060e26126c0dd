package auth

import (
	"fmt"
	"strings"
)

// MaxToken is how long a token may be, in bytes: web servers take headers of 8
// KiB, and tokens with many groups come near that.
const MaxToken = 64 << 10

// usable says what keeps a value from being part of a header, without showing it.
func usable(what, value string) error {
	switch {
	case value == "":
		return fmt.Errorf("%w: %s is empty", ErrConfig, what)
	case len(value) > MaxToken:
		return fmt.Errorf("%w: %s has %d bytes, more than %d", ErrConfig, what, len(value), MaxToken)
	case strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return fmt.Errorf("%w: %s has spaces, line ends or other characters that no header can carry", ErrConfig, what)
	}
	return nil
}
