package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/secret/remote"
)

func TestJoinMergesWhatDiffersInNamesOnly(t *testing.T) {
	denied := func(names ...string) *remote.Error {
		return &remote.Error{Kind: remote.Denied, Names: names, Reason: "refused", Hint: "grant it"}
	}
	down := &remote.Error{Kind: remote.Unavailable, Reason: "no answer", Ended: context.DeadlineExceeded}
	const want = "A, B, C: refused; grant it\nno answer (context deadline exceeded)"
	for _, problems := range [][]*remote.Error{
		{denied("C"), down, denied("A", "B"), denied("A")},
		{denied("A", "B"), denied("A", "C"), down, down},
	} {
		err := remote.Join(problems)
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error("the end of the time is lost")
		}
		if kind := remote.KindOf(fmt.Errorf("asking: %w", err)); kind != remote.Denied {
			t.Errorf("kind = %q", kind)
		}
	}
	if err := remote.Join(nil); err != nil {
		t.Errorf("of nothing: %v", err)
	}
	if kind := remote.KindOf(errors.New("other")); kind != "" {
		t.Errorf("kind of another error = %q", kind)
	}
}

func TestEnded(t *testing.T) {
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context
		err  error
		want error
	}{
		{"neither", t.Context(), errors.New("other"), nil},
		{"by the context", over, errors.New("other"), context.Canceled},
		{"by the call", t.Context(), fmt.Errorf("asking: %w", context.DeadlineExceeded), context.DeadlineExceeded},
	} {
		if got := remote.Ended(tc.ctx, tc.err); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"DB_PASSWORD": true, "a1": true, "_": true, strings.Repeat("A", 255): true,
		"": false, "a/b": false, "..": false, "a-b": false, "arn:aws:x": false, "ä": false, "a\n": false, strings.Repeat("A", 256): false,
	} {
		if got := remote.ValidName(name); got != want {
			t.Errorf("ValidName(%q) = %v", name, got)
		}
	}
}
