package probe

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

func TestACrowdOfHitsHidesNone(t *testing.T) {
	in := newInspector(1)
	see := func(p, body string) {
		t.Helper()
		e := facts.Entry{Path: p, Type: image.File, Size: int64(len(body))}
		if err := in.observe(e, strings.NewReader(body)); err != nil {
			t.Fatal(err)
		}
	}
	for range maxHits + 10 {
		see("run/secrets/x", "y")
	}
	see("opt/pip-1-py3-none-any.whl", "z")
	hits := in.layers[0].hits
	if len(hits) != maxHits+2 || hits[maxHits].path != "" || hits[maxHits+1].kind != hitArchive {
		t.Errorf("%d hits, the last ones are %v", len(hits), hits[len(hits)-2:])
	}
}

func TestIsBytecode(t *testing.T) {
	good := "\xf3\x0d\r\n\x01\x00\x00\x00" + "12345678" + "\xe3"
	for text, want := range map[string]bool{
		good: true, good[:16]: false, "x" + good: false, strings.Replace(good, "\x01", "\x09", 1): false, strings.Repeat("\r\n", 20): false,
	} {
		if got := isBytecode([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestWindowsCutNothingInTwo(t *testing.T) {
	const mark = "COLLECT_GCC_OPTIONS"
	buf := make([]byte, window)
	for _, at := range []int{0, window - 5, window - overlap, 2*window - overlap - 3, 700_000} {
		body := strings.Repeat("-", at) + mark + strings.Repeat("-", 100)
		found := false
		err := windows(strings.NewReader(body), int64(len(body)), buf, func(b []byte, _ bool) bool {
			found = found || strings.Contains(string(b), mark)
			return found
		})
		if err != nil || !found {
			t.Errorf("a mark at %d is not found: %v", at, err)
		}
	}
}
