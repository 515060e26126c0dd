package mask

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// MinLength is the length in bytes below which a value is not masked, as
// upstream's masking has it: "a" would take every a out of the log.
const MinLength = 3

// maxPatternBytes bounds all forms of all secrets of a run, and with them the
// memory of a Masker, to about 18 times as many bytes. A value needs about
// twelve times its own length: 300 KiB of secrets in all.
const maxPatternBytes = 4 << 20

// ErrTooLarge is the error of New for more secrets than can be masked.
var ErrTooLarge = errors.New("the secrets are too large to be masked")

// literals are words of every log; a secret that is one of them is not masked.
var literals = []string{"true", "false", "yes", "no", "none", "null"}

// Masker knows the secrets of one run. It is safe for concurrent use.
type Masker struct {
	a        *automaton
	markers  [][]byte // by index of the secret
	unmasked []string
	spare    sync.Pool // of *Writer, for Bytes

	secrets map[string]string
	also    []func(string) string
	// latest is the one that knows the most, for it and all before it.
	latest *atomic.Pointer[Masker]
}

// New makes a Masker of the values of secrets, by name. Each function in also
// gives one more form of a value to look for, such as what a later stage of
// the same stream makes of it. It fails with ErrTooLarge, or where no marker
// can be found; a run must not start then.
func New(secrets map[string]string, also ...func(string) string) (*Masker, error) {
	m := &Masker{secrets: maps.Clone(secrets), also: also, latest: &atomic.Pointer[Masker]{}}
	m.latest.Store(m)
	names := slices.Sorted(maps.Keys(secrets))
	var patterns []pattern
	size := 0
	for i, name := range names {
		value := secrets[name]
		if !maskable(value) {
			m.unmasked = append(m.unmasked, name)
			continue
		}
		for form := range forms(value, also) {
			if size += len(form); size > maxPatternBytes {
				return nil, fmt.Errorf("%w: all forms of all values together are larger than %d bytes", ErrTooLarge, maxPatternBytes)
			}
			patterns = append(patterns, pattern{[]byte(form), i})
		}
	}
	m.a = newAutomaton(patterns)
	for _, name := range names {
		marker, err := m.marker(name)
		if err != nil {
			return nil, err
		}
		m.markers = append(m.markers, marker)
	}
	return m, nil
}

// Learn adds secrets, such as a renewed token, or replaces values by name. All
// writers know them from their next write on, with what they hold back: call it
// before the run can know of them. It fails as New does, and changes nothing
// then. Calls must not overlap.
func (m *Masker) Learn(secrets map[string]string) error {
	all := map[string]string{}
	maps.Copy(all, m.latest.Load().secrets)
	maps.Copy(all, secrets)
	next, err := New(all, m.also...)
	if err != nil {
		return err
	}
	next.latest = m.latest
	m.latest.Store(next)
	return nil
}

// Unmasked returns the names, sorted, of the secrets that are not masked: too
// short, or an everyday word.
func (m *Masker) Unmasked() []string { return slices.Clone(m.unmasked) }

// Writer returns a writer that masks what goes through it to w.
func (m *Masker) Writer(w io.Writer) *Writer {
	return &Writer{m: m.latest.Load(), out: w}
}

// Bytes returns b masked.
func (m *Masker) Bytes(b []byte) []byte {
	m = m.latest.Load()
	w, ok := m.spare.Get().(*Writer)
	if !ok {
		w = m.Writer(nil)
	}
	defer m.spare.Put(w)
	var out bytes.Buffer // takes every write
	w.reset(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// String returns s masked.
func (m *Masker) String(s string) string { return string(m.Bytes([]byte(s))) }

func maskable(value string) bool {
	return len(value) >= MinLength && !slices.Contains(literals, strings.ToLower(strings.TrimSpace(value)))
}

// marker returns the first of upstream's marker and some others that neither
// contains a secret nor can be a part of one, whatever stands beside it: with
// the value "secret*" the output "secret***REDACTED:X***" would show it.
func (m *Masker) marker(name string) ([]byte, error) {
	candidates := []string{"***REDACTED***", "[REDACTED]", "<REDACTED>", "\u2588\u2588\u2588", "\u25a0\u25a0\u25a0", "#", "~", "_"}
	if plain(name) {
		candidates = append([]string{"***REDACTED:" + name + "***", "[REDACTED:" + name + "]", "<REDACTED:" + name + ">"}, candidates...)
	}
	for _, c := range candidates {
		if !slices.ContainsFunc(m.a.patterns, func(p pattern) bool { return touches(p.text, []byte(c)) }) {
			return []byte(c), nil
		}
	}
	return nil, fmt.Errorf("masking %s: the secrets of this run contain every marker", name)
}

// touches reports whether an occurrence of pattern may share a byte with an
// occurrence of marker.
func touches(pattern, marker []byte) bool {
	if bytes.Contains(pattern, marker) || bytes.Contains(marker, pattern) {
		return true
	}
	for n := 1; n < min(len(pattern), len(marker)); n++ {
		if bytes.HasSuffix(pattern, marker[:n]) || bytes.HasPrefix(pattern, marker[len(marker)-n:]) {
			return true
		}
	}
	return false
}

// plain reports whether a name can stand in a marker: it must not disturb JSON,
// XML or a line.
func plain(name string) bool {
	for _, c := range []byte(name) {
		if c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != "" && len(name) <= 128
}
