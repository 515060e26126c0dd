// Package layers spreads locked wheels over image layers.
//
// A large wheel has a layer of its own. The others fall into a constant number
// of buckets by a hash of their project's name, so that neither a new version
// nor a new plugin moves any other wheel into another layer.
package layers

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

// Reserved is how many layers of the budget are kept for what is not a wheel:
// OS, interpreter, its bytecode, venvs, configuration and executor.
const Reserved = 6

// Layer is one layer and the wheels in it, sorted by file name.
type Layer struct {
	Name   string // "wheels-07"; "wheel-pyarrow" for a wheel's own layer, with the version where there are several
	Wheels []lock.Wheel
}

// Assign spreads wheels over layers: those larger than c.OwnAbove bytes alone,
// the others over c.Buckets buckets, of which empty ones vanish. Layers are
// sorted by name. It fails with fault.Manifest where wheels would take more than
// c.Budget layers less the Reserved ones.
func Assign(ws []lock.Wheel, c lock.Layers) ([]Layer, error) {
	if c.Buckets < 1 {
		return nil, fault.New(fault.LockDrift, "assigning layers: %d buckets, want at least one", c.Buckets)
	}
	byName := map[string][]lock.Wheel{}
	versions := largeVersions(ws, c.OwnAbove)
	for _, w := range ws {
		name := fmt.Sprintf("wheels-%02d", bucket(w.Name, c.Buckets))
		if w.Size > c.OwnAbove {
			if name = "wheel-" + w.Name; versions[w.Name] > 1 {
				name += "-" + w.Version
			}
		}
		byName[name] = append(byName[name], w)
	}
	if room := c.Budget - Reserved; len(byName) > room {
		return nil, fault.New(fault.Manifest, "assigning layers: %d wheels take %d layers, and a budget of %d leaves %d", len(ws), len(byName), c.Budget, room).
			Hint("set layers.budget to %d or more and lock again", len(byName)+Reserved)
	}
	layers := make([]Layer, 0, len(byName))
	for name, wheels := range byName {
		sort.Slice(wheels, func(i, j int) bool { return wheels[i].File < wheels[j].File })
		layers = append(layers, Layer{name, wheels})
	}
	sort.Slice(layers, func(i, j int) bool { return layers[i].Name < layers[j].Name })
	return layers, nil
}

// largeVersions counts the wheels per project that have a layer of their own;
// venvs may need different versions of one project.
func largeVersions(ws []lock.Wheel, ownAbove int64) map[string]int {
	versions := map[string]int{}
	for _, w := range ws {
		if w.Size > ownAbove {
			versions[w.Name]++
		}
	}
	return versions
}

// bucket depends on the project's name only, never on its version.
func bucket(name string, buckets int) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.BigEndian.Uint64(sum[:8]) % uint64(buckets)
}
