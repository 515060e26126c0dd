package fault_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
)

func TestExitCodesAreDistinctAndDocumented(t *testing.T) {
	seen := map[int]fault.Kind{}
	for _, k := range fault.Kinds() {
		if other, dup := seen[k.ExitCode()]; dup {
			t.Errorf("%v and %v share exit code %d", other, k, k.ExitCode())
		}
		seen[k.ExitCode()] = k
		if k.ExitCode() == 0 || k.String() == "" || k.Meaning() == "" {
			t.Errorf("kind %d is not described: %q %d %q", k, k, k.ExitCode(), k.Meaning())
		}
	}
}

func TestErrorKeepsKindPlaceHintAndCause(t *testing.T) {
	cause := context.DeadlineExceeded
	err := fmt.Errorf("outer: %w",
		fault.Wrap(fault.Network, cause, "fetching x.whl").
			At(fault.Pos{File: "m.yaml", Line: 3, Column: 5}).
			Hint("check the mirror"))

	if got := fault.KindOf(err); got != fault.Network {
		t.Errorf("KindOf = %v, want %v", got, fault.Network)
	}
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	if diff := cmp.Diff([]string{"check the mirror"}, fault.Hints(err)); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if got, want := err.Error(), "outer: m.yaml:3:5: fetching x.whl: context deadline exceeded"; got != want {
		t.Errorf("text = %q, want %q", got, want)
	}
}

func TestJoinedErrorsAreAllFound(t *testing.T) {
	err := errors.Join(
		fault.New(fault.Manifest, "a").Hint("fix a"),
		fault.Wrap(fault.Manifest, fault.New(fault.Integrity, "inner"), "b").Hint("fix b"),
	)
	if got := len(fault.All(err)); got != 2 {
		t.Errorf("All found %d problems, want 2", got)
	}
	if !fault.Is(err, fault.Integrity) || fault.Is(err, fault.Sign) {
		t.Error("Is does not see the whole tree")
	}
	if diff := cmp.Diff([]string{"fix a", "fix b"}, fault.Hints(err)); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	if fault.KindOf(errors.New("plain")) != fault.Internal {
		t.Error("an unclassified error must be internal")
	}
}

// A full disk is what is wrong, whatever was being done and was advised.
func TestFullDisk(t *testing.T) {
	for _, cause := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := fault.Wrap(fault.Usage, &fs.PathError{Op: "write", Path: "x", Err: cause}, "writing x").Hint("name another file")
		if fault.KindOf(err) != fault.DiskFull || !fault.Is(err, fault.DiskFull) || len(fault.Hints(err)) != 1 {
			t.Errorf("%v: kind %v, hints %q", cause, fault.KindOf(err), fault.Hints(err))
		}
	}
}
