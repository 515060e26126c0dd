// Package remotetest judges the errors of stores of secrets.
package remotetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/executor/secret/remote"
)

// value is a part of every secret's value in the tests of stores.
const value = "hunter"

// Problem fails the test where err is of another kind or shows a value, and
// returns its text.
func Problem(t *testing.T, err error, kind remote.Kind) string {
	t.Helper()
	if remote.KindOf(err) != kind {
		t.Fatalf("error = %v (%s), want %s", err, remote.KindOf(err), kind)
	}
	if err == nil {
		return ""
	}
	for inner := err; inner != nil; inner = errors.Unwrap(inner) {
		if text := fmt.Sprintf("%v %+v %#v", inner, inner, inner); strings.Contains(text, value) {
			t.Fatalf("the error shows a value: %s", text)
		}
	}
	return err.Error()
}
