package limitio_test

import (
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lockforge/lockforge/builder/internal/limitio"
)

func TestReadAllStopsPastTheLimit(t *testing.T) {
	for _, tc := range []struct {
		name   string
		input  string
		limit  int64
		tooBig bool
	}{
		{"empty", "", 0, false},
		{"below", "abc", 4, false},
		{"exact", "abcd", 4, false},
		{"one over", "abcde", 4, true},
		{"zero limit", "a", 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := limitio.ReadAll(iotest.OneByteReader(strings.NewReader(tc.input)), tc.limit)
			if errors.Is(err, limitio.ErrTooLarge) != tc.tooBig {
				t.Fatalf("error = %v, want too large: %v", err, tc.tooBig)
			}
			if !tc.tooBig && string(got) != tc.input {
				t.Errorf("got %q, want %q", got, tc.input)
			}
			if int64(len(got)) > tc.limit {
				t.Errorf("read %d bytes past the limit of %d", len(got), tc.limit)
			}
		})
	}
}
