package builds_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/attest"
)

// TestTwoPlatformsFromNothing builds twice from nothing, with the compression
// for old clients, and for a machine that cannot run here: its imports are not
// proved, and not said to be.
func TestTwoPlatformsFromNothing(t *testing.T) {
	w := locked(t, small+"platforms: [linux/amd64, linux/arm64]\nlayers: {compression: gzip}\n")
	first, second := w.build(t, "m.yaml"), w.fresh(t).build(t, "m.yaml")
	if first != second {
		t.Errorf("%s and %s", first, second)
	}
	var result builder.BuildResult
	w.readJSON(t, "metadata.json", &result)
	if len(result.Platforms) != 2 {
		t.Fatalf("platforms %v", result.Platforms)
	}
	imported := 0
	for _, p := range result.Platforms {
		if len(p.Tests) == 0 {
			t.Errorf("%s: nothing was tested or left out", p.Platform)
		}
		for _, test := range p.Tests {
			switch test.Status {
			case attest.TestPassed:
				if strings.HasPrefix(test.Name, "import ") {
					imported++
				}
			case attest.TestNotRun:
			default:
				t.Errorf("%s: %s %s", p.Platform, test.Name, test.Status)
			}
		}
	}
	if imported != 1 {
		t.Errorf("%d proofs were run, want that of this machine's platform", imported)
	}
}

// TestTwoBuildsAtOnce shares a cache between two processes.
func TestTwoBuildsAtOnce(t *testing.T) {
	w := locked(t, small)
	var digests [2]string
	var group sync.WaitGroup
	for i := range digests {
		group.Go(func() {
			if code, digest, stderr := w.run(t, "build", "m.yaml", "-o", "oci:image"+string(rune('0'+i))); code == 0 {
				digests[i] = digest
			} else {
				t.Errorf("exit code %d\n%s", code, tail(stderr))
			}
		})
	}
	group.Wait()
	if digests[0] != digests[1] {
		t.Errorf("%v", digests)
	}
}
