package mask_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/executor/mask"
)

// TestLearn learns a secret at every place of a stream before it: the result
// is that of a masker which has known it from the start.
func TestLearn(t *testing.T) {
	for _, tc := range []struct{ name, old, learned, before, after string }{
		{"apart", "hunter22", "tok3n-two", "login hunter22 ok ", "then tok3n-two and hunter22"},
		{"the old one goes on over the place", "hunter22hunter", "tok3n-two", "hunter22hunter22hun", "ter22hunter tok3n-two"},
		{"the new one begins like the old one", "token-1", "token-2-is-much-longer-than-it", "a token-1 token-", "2-is-much-longer-than-it token-1"},
		{"the old one begins in the new one", "two-and-more", "tok3n-two", "x", "tok3n-two-and-more"},
		{"the old one overlaps itself", "xyxy", "yxyxyx-2", "xyxyxyx", "yxyxyx-2xy"},
		{"the new one is everywhere", "aab", "aaaab", "aab aab ", "aaaab aaaaaab"},
		{"nothing is known before", "", "tok3n-two", "tok tok3n-", "tok3n-two"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text := tc.before + tc.after
			want := newMasker(t, map[string]string{"OLD": tc.old, "NEW": tc.learned}).String(text)
			for at := range len(tc.before) + 1 {
				m := newMasker(t, map[string]string{"OLD": tc.old})
				var out bytes.Buffer
				w := m.Writer(&out)
				write := func(text string) {
					if _, err := w.Write([]byte(text)); err != nil {
						t.Fatal(err)
					}
				}
				write(text[:at])
				if err := m.Learn(map[string]string{"NEW": tc.learned}); err != nil {
					t.Fatal(err)
				}
				for i := range len(text) - at {
					write(text[at+i : at+i+1])
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, out.String()); diff != "" {
					t.Errorf("learned after %d bytes (-want +got):\n%s", at, diff)
				}
				if diff := cmp.Diff(want, m.String(text)); diff != "" {
					t.Errorf("a text afterwards (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestLearnReplacesByName(t *testing.T) {
	m := newMasker(t, map[string]string{"A": "first-value", "B": "other-value"})
	if err := m.Learn(map[string]string{"A": "second-value"}); err != nil {
		t.Fatal(err)
	}
	if got := m.String("first-value second-value other-value"); got != "first-value ***REDACTED:A*** ***REDACTED:B***" {
		t.Error(got)
	}
	if err := m.Learn(map[string]string{"A": strings.Repeat("x1", 4<<20)}); !errors.Is(err, mask.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
	if got := m.String("second-value"); got != "***REDACTED:A***" {
		t.Errorf("after a failure: %s", got)
	}
}
