// Package secret finds the values of the secrets that a recipe names. They are
// read when a run starts, live in memory only, and reach the child over its
// standard input:
//
//	refs, err := secret.References(recipeJSON)
//	got, err := secret.Resolver{Stores: []secret.Store{env, dir}}.Resolve(ctx, refs)
//	m, err := mask.New(got.Values) // before the child starts
//
// Nothing in this package puts a value into an error or a log.
package secret

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of one run.
const (
	// MaxNames bounds the secrets of a recipe.
	MaxNames = 1000
	// MaxValueBytes bounds one value; upstream's limit for a file, in bytes.
	MaxValueBytes = 1_024_768
	// DefaultTimeout bounds one question to one store.
	DefaultTimeout = 30 * time.Second
)

// Store is a place that has values for names. It must be safe for concurrent
// use. What adapters of cloud services and of DataHub itself have to offer.
type Store interface {
	// ID is the name by which configuration and errors call the store: "env", "file".
	ID() string
	// Values returns the values of those names that the store has. An error
	// says that it cannot tell: an absent name is no error. It names no value.
	Values(ctx context.Context, names []string) (map[string]string, error)
}

// Resolver asks stores for secrets.
type Resolver struct {
	// Stores in upstream's order: a later one overrules an earlier one. They
	// are asked from the last to the first, each only for what is missing.
	Stores []Store
	// Timeout bounds each question to a store; 0 is DefaultTimeout.
	Timeout time.Duration
}

// Resolved is what a Resolver found.
type Resolved struct {
	Values map[string]string
	From   map[string]string // name to the ID of the store that had it
	// Documents names, sorted, the secrets whose value is a JSON document: in
	// most cases a store's key/value form, where a text was meant.
	Documents []string
}

// Unresolved is the error for names that no store has.
type Unresolved struct {
	Names  []string // sorted
	Stores []string // the IDs of the stores that were asked, in the order in which they were
}

func (e *Unresolved) Error() string {
	stores := "no store is configured"
	if len(e.Stores) > 0 {
		stores = "asked: " + strings.Join(e.Stores, ", ")
	}
	return fmt.Sprintf("no value for %s (%s)", strings.Join(e.Names, ", "), stores)
}

// StoreError is the error of a store that could not answer.
type StoreError struct {
	Store string
	Names []string // what it was asked for, sorted
	Err   error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("asking store %s for %s: %v", e.Store, strings.Join(e.Names, ", "), e.Err)
}

func (e *StoreError) Unwrap() error { return e.Err }

// ErrValue is the error for a value that cannot be handed to a child.
var ErrValue = errors.New("unusable value")

// Resolve returns the values of refs. It fails with *Unresolved for a required
// name that no store has; with *StoreError where a store could not answer, for
// a value of lower rank must not stand in for one that exists; with ErrValue;
// and with several of them joined.
func (r Resolver) Resolve(ctx context.Context, refs []Reference) (*Resolved, error) {
	missing := map[string]bool{} // name to whether it is required
	for _, ref := range refs {
		missing[ref.Name] = missing[ref.Name] || ref.Required
	}
	if len(missing) > MaxNames {
		return nil, fmt.Errorf("the recipe names %d secrets; the limit is %d", len(missing), MaxNames)
	}
	got := &Resolved{Values: map[string]string{}, From: map[string]string{}}
	var asked []string
	var problems []error
	for _, store := range slices.Backward(r.Stores) {
		if len(missing) == 0 {
			break
		}
		names := slices.Sorted(maps.Keys(missing))
		values, err := r.ask(ctx, store, names)
		if err != nil {
			problems = append(problems, &StoreError{Store: store.ID(), Names: names, Err: err})
		}
		asked = append(asked, store.ID())
		for _, name := range names {
			if value, ok := values[name]; ok {
				delete(missing, name)
				problems = append(problems, got.add(name, value, store.ID()))
			}
		}
	}
	maps.DeleteFunc(missing, func(_ string, required bool) bool { return !required })
	if len(missing) > 0 {
		problems = append(problems, &Unresolved{Names: slices.Sorted(maps.Keys(missing)), Stores: asked})
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	slices.Sort(got.Documents)
	return got, nil
}

func (r Resolver) ask(ctx context.Context, store Store, names []string) (map[string]string, error) {
	timeout := r.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return store.Values(ctx, names)
}

func (got *Resolved) add(name, value, store string) error {
	switch {
	case len(value) > MaxValueBytes:
		return fmt.Errorf("%w: %s from store %s has %d bytes; the limit is %d", ErrValue, name, store, len(value), MaxValueBytes)
	case !utf8.ValidString(value):
		return fmt.Errorf("%w: %s from store %s is not UTF-8; store it in base64", ErrValue, name, store)
	case strings.ContainsRune(value, 0):
		return fmt.Errorf("%w: %s from store %s contains a zero byte; store it in base64", ErrValue, name, store)
	}
	got.Values[name], got.From[name] = value, store
	if text := strings.TrimSpace(value); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if json.Valid([]byte(text)) {
			got.Documents = append(got.Documents, name)
		}
	}
	return nil
}
