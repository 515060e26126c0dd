package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
)

// redacted stands for a secret that is there.
const redacted = "[redacted]"

// Secret is a value that is never printed: every way of turning it into text
// gives "[redacted]", or nothing where there is none.
type Secret struct{ value string }

// NewSecret returns the secret of that value.
func NewSecret(value string) Secret { return Secret{value} }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return s.value }

// Set says whether there is one.
func (s Secret) Set() bool { return s.value != "" }

// String does not return the value.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// Format covers every verb of fmt.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText covers encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue covers slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Equal compares values, for tests.
func (s Secret) Equal(other Secret) bool { return s == other }

// Properties are settings of a client library by name. Only their names are
// printed: which of the values are secret is known to the library alone.
type Properties map[string]string

// String returns the names.
func (p Properties) String() string {
	names := slices.Sorted(maps.Keys(p))
	for i, name := range names {
		names[i] = name + "=" + redacted
	}
	return strings.Join(names, ",")
}

// Format covers every verb of fmt.
func (p Properties) Format(f fmt.State, _ rune) { fmt.Fprint(f, p.String()) }

// MarshalJSON covers encodings.
func (p Properties) MarshalJSON() ([]byte, error) {
	shown := map[string]string{}
	for name := range p {
		shown[name] = redacted
	}
	return json.Marshal(shown)
}

// LogValue covers slog.
func (p Properties) LogValue() slog.Value { return slog.StringValue(p.String()) }
