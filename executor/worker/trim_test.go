package worker

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/lockforge/lockforge/executor/lifecycle"
)

// The estimate is what two rounds of JSON with ASCII alone make of a text.
func TestEncodedSize(t *testing.T) {
	for _, text := range []string{"", "plain", "line\nline\t\r", `quote " and \`, "ü", "\U0001F600", "\x01\x1f", "a\u2028b"} {
		once, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := json.Marshal(escaped(string(once[1 : len(once)-1])))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := encodedSize(text), len(twice)-2; got < want {
			t.Errorf("%q: %d, and it takes %d", text, got, want)
		}
	}
}

// escaped is JSON text with what is not ASCII as \uXXXX.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < utf8.RuneSelf:
			b.WriteRune(r)
		case r > 0xffff:
			b.WriteString(`\ud83d\ude00`)
		default:
			b.WriteString(`\u00fc`)
		}
	}
	return b.String()
}

func TestCut(t *testing.T) {
	for _, text := range []string{strings.Repeat("ü\n", 5000), strings.Repeat("x", 10_000), strings.Repeat("\U0001F600", 3000)} {
		for _, limit := range []int{0, 1, 10, 1000, 9999} {
			got := cut(text, limit)
			parts := strings.Split(got, "\n[... ")
			if !utf8.ValidString(got) || encodedSize(got) > limit+100 || len(parts) != 2 {
				t.Errorf("limit %d: %d bytes in %d parts", limit, encodedSize(got), len(parts))
			}
		}
		if got := cut(text, 1<<20); got != text {
			t.Error("a text that fits was cut")
		}
	}
}

func TestTrim(t *testing.T) {
	r := Result{
		Status: StatusFailure, Report: "marker\n" + strings.Repeat("log\n", 1000) + "the end",
		Structured: &Structured{Serialized: strings.Repeat("x", 1000)},
	}
	last := -1
	for shrinks := range lifecycle.MaxShrinks + 1 {
		got := trim(r, 16_000, shrinks)
		size := len(got.Report)
		if got.Structured != nil {
			size += len(got.Structured.Serialized)
		}
		if got.Status != r.Status || last >= 0 && size > last+100 || shrinks > 0 && size > 16_000>>shrinks+200 {
			t.Errorf("%d: %d bytes after %d", shrinks, size, last)
		}
		last = size
	}
	if got := trim(r, 16_000, lifecycle.MaxShrinks); !strings.HasPrefix(got.Report, "marker\n") {
		t.Errorf("without its marker: %s", got.Report)
	}
}
