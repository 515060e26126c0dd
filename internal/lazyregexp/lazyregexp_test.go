package lazyregexp

import (
	"os"
	"slices"
	"testing"
)

func TestCompilesWhenNeeded(t *testing.T) {
	args := os.Args
	defer func() { os.Args = args }()
	os.Args = []string{"program"}
	r := New(`^a(b*)$`)
	if r.compiled != nil {
		t.Error("compiled before it was needed")
	}
	if !r.MatchString("abb") || r.MatchString("b") || !slices.Equal(r.FindStringSubmatch("abb"), []string{"abb", "bb"}) {
		t.Error("it matches something else")
	}
}

func TestMistakesShowInTests(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a bad expression was taken")
		}
	}()
	New(`(`)
}
