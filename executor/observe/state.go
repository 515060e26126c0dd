package observe

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// maxState bounds the state of one monitor, in bytes.
	maxState = 4 << 20
	// maxPending is how many results of one monitor wait for GMS; the oldest
	// give way. An hourly monitor has them for four days.
	maxPending = 100
)

// state is what a monitor remembers between checks, in a file of its own.
type state struct {
	Assertion string `json:"assertion"`
	// Definition changes with what is measured: an older value is none then.
	Definition string   `json:"definition"`
	Checked    int64    `json:"checked,omitempty"` // Unix ms
	Value      *float64 `json:"value,omitempty"`
	// Pending are events that GMS did not take yet, the oldest first.
	Pending []json.RawMessage `json:"pending,omitempty"`
}

// definition identifies what a monitor measures.
func definition(m Monitor, c Connection) string {
	text, _ := json.Marshal([]any{m.Kind, m.Dataset, m.Field, m.Metric, m.Statement, m.Operations, c.Source, c.Config})
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// history keeps the states in a directory.
type history struct{ dir string }

func (h history) path(assertion string) string {
	sum := sha256.Sum256([]byte(assertion))
	return filepath.Join(h.dir, hex.EncodeToString(sum[:16])+".json")
}

// read returns the state of a monitor. One that is absent or broken is a new
// one: a check must not depend on it; err says what was broken.
func (h history) read(m Monitor, c Connection) (state, error) {
	fresh := state{Assertion: m.Assertion, Definition: definition(m, c)}
	f, err := os.Open(h.path(m.Assertion))
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	if err != nil {
		return fresh, fmt.Errorf("reading the state of %s: %w", m.Assertion, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxState+1))
	if err != nil || len(content) > maxState {
		return fresh, fmt.Errorf("reading the state of %s: too large or unreadable", m.Assertion)
	}
	var s state
	if err := json.Unmarshal(content, &s); err != nil || s.Assertion != m.Assertion {
		return fresh, fmt.Errorf("reading the state of %s: it is damaged and starts anew", m.Assertion)
	}
	if s.Definition != fresh.Definition {
		fresh.Pending = s.Pending
		return fresh, nil
	}
	return s, nil
}

// write replaces the state as a whole.
func (h history) write(s state) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = replace(h.path(s.Assertion), text)
	}
	if err != nil {
		return fmt.Errorf("writing the state of %s: %w", s.Assertion, err)
	}
	return nil
}

func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".state-")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
