package manifest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/fault"
)

// Large texts, shaped to cost most: each
// must be refused in good time, with a bounded number of problems.
func TestLargeTextsAreRefusedInTime(t *testing.T) {
	const size = 1<<17 - 100 // an eighth of what is read: the time grows in proportion
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
		"reviews":         head + "cli: {version: \"1\"}\nplugins: [a]\nreviewed: [" + strings.Repeat("{},", size/3-50) + "]",
		"members":         head + "cli: {version: \"1\"}\nplugins: [" + strings.Repeat("a,", size/4-50) + "]\ngroups: {a: [" + strings.Repeat("b,", size/4-50) + "]}",
		"patterns":        head + "cli: {version: \"1\"}\nplugins: [a]\nindexes: {extra: [" + strings.Repeat("{name: x, packages: ["+strings.Repeat("a*,", 900)+"]},", 380) + "]}",
		"long patterns":   head + "cli: {version: \"1\"}\nplugins: [a]\nindexes: {extra: [{name: x, packages: [" + strings.Repeat("a", size/2-99) + "]}, {name: y, packages: [" + strings.Repeat("a", size/2-99) + "]}]}",
		"unknown members": head + "cli: {version: \"1\"}\nplugins: [" + strings.Repeat(strings.Repeat("a", 60)+",", 900) + "]\ngroups: {" + many(15, strings.Repeat(strings.Repeat("b", 60)+",", 900)) + "}",
		"group variable":  "BUNDLED_CLI_VERSION=1\nBUNDLED_VENV_PLUGINS=a\nBUNDLED_VENV_PLUGINS_A=" + strings.Repeat("a,", size/2-50),
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

// many repeats a list of members under different labels.
func many(groups int, members string) string {
	var b strings.Builder
	for i := range groups {
		fmt.Fprintf(&b, "g%d: [%s], ", i, members)
	}
	return b.String()
}
