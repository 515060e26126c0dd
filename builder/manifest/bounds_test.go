package manifest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// Texts of the largest size that is read at all, shaped to cost most: each
// must be refused in good time, with a bounded number of problems.
func TestLargestTextsAreRefusedInTime(t *testing.T) {
	const size = 1<<20 - 100
	head := "version: 1\n"
	for name, text := range map[string]string{
		"flow lists":      head + "a: " + strings.Repeat("[", size),
		"closed lists":    head + "a: " + strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"flow mappings":   head + "a: " + strings.Repeat("{a: ", size/4),
		"block lists":     strings.Repeat("- ", size/2),
		"keys":            strings.Repeat("a: b\n", size/5),
		"question marks":  strings.Repeat("? ", size/2),
		"one plain word":  strings.Repeat("a", size),
		"one quoted word": "\"" + strings.Repeat("a", size),
		"commas":          "BUNDLED_CLI_VERSION=1\nBUNDLED_VENV_PLUGINS=" + strings.Repeat("a,", size/2-40),
		"assignments":     strings.Repeat("A=b\n", size/4),
		"no assignments":  "A=b\n" + strings.Repeat("=\n", size/2-10),
		"errors at end":   head + strings.Repeat("# c\n", size/4-10) + "a: b: c\n",
		"plugins":         head + "cli: {version: \"1\"}\nplugins:\n" + strings.Repeat("- A\n", size/4-20),
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			_, err := load(text)
			if took := time.Since(started); took > 10*time.Second {
				t.Errorf("refused after %v", took)
			}
			if !fault.Is(err, fault.Manifest) {
				t.Fatal("accepted")
			}
			if got := len(fault.All(err)); got > 101 {
				t.Errorf("%d problems are reported", got)
			}
		})
	}
}
