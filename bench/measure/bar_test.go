package measure

import (
	"io"
	"math"
	"strings"
	"testing"
)

func TestMissedBarsAreCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		bar  Bar
		want bool
	}{
		"small enough":    {AtMost("x", 1, 1, "s"), true},
		"too large":       {AtMost("x", 1.1, 1, "s"), false},
		"large enough":    {AtLeast("x", 1, 1, "s"), true},
		"too small":       {AtLeast("x", 0.9, 1, "s"), false},
		"reported":        {Reported("x", 9, "s"), true},
		"nothing to rate": {AtMost("x", math.NaN(), 1, "s"), false},
	} {
		var out strings.Builder
		missed := PrintBars(&out, []Bar{tc.bar})
		if tc.bar.Met() != tc.want || (missed == 0) != tc.want {
			t.Errorf("%s: met %v, %d missed, printed %s", name, tc.bar.Met(), missed, out.String())
		}
	}
	if missed := PrintBars(io.Discard, []Bar{AtMost("a", 2, 1, ""), AtLeast("b", 2, 1, ""), AtLeast("c", 0, 1, "")}); missed != 2 {
		t.Errorf("%d missed, want 2", missed)
	}
}

func TestQuantile(t *testing.T) {
	for _, tc := range []struct {
		values []int64
		q      float64
		want   int64
	}{
		{[]int64{3}, 0.5, 3}, {[]int64{3}, 0.99, 3}, {[]int64{2, 1}, 0.5, 2}, {[]int64{3, 1, 2}, 0.5, 2}, {[]int64{4, 3, 2, 1}, 1, 4},
	} {
		if got := Quantile(tc.values, tc.q); got != tc.want {
			t.Errorf("%v of %v: %d, want %d", tc.q, tc.values, got, tc.want)
		}
	}
}
