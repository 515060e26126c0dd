package layers_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/layers"
	"github.com/lockforge/lockforge/builder/lock"
)

var config = lock.Layers{Budget: 48, Buckets: 32, OwnAbove: 8 << 20}

func wheel(name, version string, size int64) lock.Wheel {
	return lock.Wheel{Name: name, Version: version, File: name + "-" + version + "-py3-none-any.whl", Size: size}
}

// many returns n small wheels and three large ones.
func many(n int) []lock.Wheel {
	ws := []lock.Wheel{wheel("pyarrow", "26.0", 50<<20), wheel("numpy", "2.0", 20<<20), wheel("numpy", "1.26", 18<<20)}
	for i := range n {
		ws = append(ws, wheel(fmt.Sprintf("small-%d", i), "1.0", 8<<20))
	}
	return ws
}

func assign(t *testing.T, ws []lock.Wheel) []layers.Layer {
	t.Helper()
	got, err := layers.Assign(ws, config)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestAssignPlacesEveryWheelOnce(t *testing.T) {
	ws := many(100)
	placed := map[string]string{}
	var names []string
	for _, l := range assign(t, ws) {
		names = append(names, l.Name)
		if len(l.Wheels) == 0 {
			t.Errorf("%s is empty", l.Name)
		}
		for _, w := range l.Wheels {
			if other, twice := placed[w.File]; twice {
				t.Errorf("%s is in %s and %s", w.File, other, l.Name)
			}
			placed[w.File] = l.Name
		}
	}
	if len(placed) != len(ws) || !slices.IsSorted(names) {
		t.Errorf("%d of %d wheels placed, layers %v", len(placed), len(ws), names)
	}
	for file, layer := range map[string]string{
		"pyarrow-26.0-py3-none-any.whl": "wheel-pyarrow", "numpy-2.0-py3-none-any.whl": "wheel-numpy-2.0", "numpy-1.26-py3-none-any.whl": "wheel-numpy-1.26",
	} {
		if placed[file] != layer {
			t.Errorf("%s is in %s, want %s", file, placed[file], layer)
		}
	}
}

// Neither the order of the lock, nor a new wheel, nor a new version moves
// another wheel.
func TestAssignIsStable(t *testing.T) {
	before := many(60)
	reversed := slices.Clone(before)
	slices.Reverse(reversed)
	if diff := cmp.Diff(assign(t, before), assign(t, reversed)); diff != "" {
		t.Errorf("the order matters:\n%s", diff)
	}
	after := append(slices.Clone(before), wheel("new", "1", 100), wheel("new-large", "1", 9<<20))
	after[10].Version, after[10].File = "2.0", "small-7-2.0-py3-none-any.whl"
	where := func(ls []layers.Layer) map[string]string {
		m := map[string]string{}
		for _, l := range ls {
			for _, w := range l.Wheels {
				m[w.Name] = l.Name
			}
		}
		return m
	}
	old := where(assign(t, before))
	for name, layer := range where(assign(t, after)) {
		if old[name] != "" && old[name] != layer && name != "numpy" {
			t.Errorf("%s moved from %s to %s", name, old[name], layer)
		}
	}
}

func TestAssignKeepsTheBudget(t *testing.T) {
	var large []lock.Wheel
	for i := range config.Budget - layers.Reserved {
		large = append(large, wheel(fmt.Sprintf("large-%02d", i), "1", 9<<20))
	}
	if got := len(assign(t, large)); got != config.Budget-layers.Reserved {
		t.Errorf("%d layers", got)
	}
	_, err := layers.Assign(append(large, wheel("small", "1", 1)), config)
	if !fault.Is(err, fault.Manifest) || len(fault.Hints(err)) == 0 {
		t.Errorf("one layer too many: error = %v", err)
	}
	if _, err := layers.Assign(large, lock.Layers{Budget: 48}); !fault.Is(err, fault.LockDrift) {
		t.Errorf("no buckets: error = %v", err)
	}
	if got, err := layers.Assign(nil, config); err != nil || len(got) != 0 {
		t.Errorf("no wheels: %v, %v", got, err)
	}
}
