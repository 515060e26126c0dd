package builds_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

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

// TestEightBuildsAtOnce shares a cache between eight processes, half of which
// build the same: all come to what each comes to alone. They share an engine as
// well, and none waits for another's build.
func TestEightBuildsAtOnce(t *testing.T) {
	built := reference(t)
	const other = "other.yaml"
	built.write(t, other, small+"runtime: {user: 1001}\n")
	workplace{dir: built.dir, cache: sharedCache(t)}.must(t, "lock", other)
	alone := map[string]string{
		"m.yaml": built.digest,
		other:    built.must(t, "build", other, "-o", "oci:"+filepath.Join(t.TempDir(), "alone")),
	}
	if alone[other] == built.digest {
		t.Fatalf("different manifests make the same image: %v", alone)
	}
	w := built.fresh(t)
	engines := watchEngines(t, w.cache)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			manifest := []string{"m.yaml", other}[i%2]
			start := time.Now()
			out := "oci:" + filepath.Join(w.cache, "image"+strconv.Itoa(i))
			code, digest, stderr := w.run(t, "build", manifest, "-o", out)
			if code != 0 || digest != alone[manifest] {
				t.Errorf("%s: exit code %d, %s at once, %s alone\n%s", manifest, code, digest, alone[manifest], tail(stderr))
			}
			if strings.Contains(stderr, "waiting for another lockforge") {
				t.Errorf("%s waited for another build\n%s", manifest, tail(stderr))
			}
			t.Logf("%s took %s", manifest, time.Since(start).Round(time.Millisecond))
		})
	}
	group.Wait()
	if seen := engines(); len(seen) != 1 {
		t.Errorf("the builds used the engines %v, want one", seen)
	}
	nothingLeft(t, w.cache)
}

// watchEngines looks for engines of a cache until it is asked which there were.
func watchEngines(t *testing.T, cache string) (seen func() []int) {
	end, pids := make(chan struct{}), make(chan []int)
	go func() {
		found := map[int]bool{}
		look := time.NewTicker(20 * time.Millisecond)
		defer look.Stop()
		for {
			select {
			case <-look.C:
				for _, pid := range enginesOf(t, cache) {
					if found[pid] || firstProcess(pid) {
						found[pid] = true
					}
				}
			case <-end:
				pids <- slices.Sorted(maps.Keys(found))
				return
			}
		}
	}()
	return func() []int {
		close(end)
		return <-pids
	}
}

// firstProcess tells an engine, which has a process namespace of its own, from
// what it starts, which has the same arguments for a moment.
func firstProcess(pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(status), "\nNSpid:")
	line, _, _ := strings.Cut(after, "\n")
	pids := strings.Fields(line)
	return len(pids) > 1 && pids[len(pids)-1] == "1"
}
