package capacity

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestParseWeight(t *testing.T) {
	good := map[string]Weight{
		"0.25": 250, "1": 1000, "1.0": 1000, " .5\n": 500, "+0.5": 500, "1e-1": 100, "0.3333": 333,
		"0.001": 1, "0.0001": 1, "1e-300": 1, "1.5": 1000, "7": 1000, "inf": 1000, "1e999": 1000,
	}
	for text, want := range good {
		if got, err := ParseWeight(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "0", "-0.5", "0.0", "nan", "-inf", "half", "0,5", "0x1p-2", "1_0", "0.5 0.5", strings.Repeat("0", 65)} {
		if got, err := ParseWeight(text); !errors.Is(err, ErrWeight) {
			t.Errorf("%q: got %d, %v", text, got, err)
		}
	}
}

// Every weight of three decimals is read as what it says.
func TestParseWeightIsExact(t *testing.T) {
	for want := Weight(1); want <= Size; want++ {
		text := fmt.Sprintf("%d.%03d", want/Size, want%Size)
		if got, err := ParseWeight(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v", text, got, err)
		}
	}
}

func TestShare(t *testing.T) {
	for workers, want := range map[int]Weight{-1: 1000, 0: 1000, 1: 1000, 3: 333, 4: 250, 10: 100, 5000: 1} {
		if got := Share(workers); got != want {
			t.Errorf("%d workers: got %d, want %d", workers, got, want)
		}
	}
}
