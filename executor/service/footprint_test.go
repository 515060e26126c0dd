package service

import (
	"os"
	"strings"
	"testing"
)

// Each letter is what there was in three seconds: a run, events, or nothing;
// capital where memory is given back at their end.
func TestRest(t *testing.T) {
	for name, want := range map[string]string{
		"after a run":         "rrrNnNnnnNnnnnnnnN",
		"run after run":       "rNrNnrrN",
		"events that pass":    "rNnNneeNnNnnnN",
		"events without end":  "rEeEeeeEeeeeeeeE",
		"a run beside events": "rEerEeE",
	} {
		t.Run(name, func(t *testing.T) {
			rest, got := rest{wait: quiet}, ""
			for _, was := range strings.ToLower(want) {
				letter := string(was)
				if rest.enough(was == 'r', was == 'e') {
					letter = strings.ToUpper(letter)
				}
				got += letter
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestShrinkGivesBackPagesOfTheProgram(t *testing.T) {
	before := mapped(t)
	if err := shrink(); err != nil {
		t.Fatal(err)
	}
	if after := mapped(t); after >= before {
		t.Errorf("%d KiB of files were mapped before, %d KiB after", before, after)
	}
}

// mapped is how much of files is in this process's memory, in KiB.
func mapped(t *testing.T) (kib int) {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "RssFile:"); ok {
			for _, digit := range value {
				if digit >= '0' && digit <= '9' {
					kib = kib*10 + int(digit-'0')
				}
			}
		}
	}
	return kib
}
