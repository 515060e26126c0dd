// Package catalog says what one release of the DataHub CLI offers: extras,
// sources, and on which platforms their requirements exist. All of it is read
// from that release's own wheel.
package catalog

import (
	"maps"
	"slices"

	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/plan"
)

// Catalog is what one release offers. Names of extras are normalised (PEP
// 685), names of sources are as the release registers them.
type Catalog struct {
	CLIVersion     string `json:"cliVersion"`     // PEP 440, normal form
	RequiresPython string `json:"requiresPython"` // version clauses, "" for any
	Wheel          string `json:"wheel"`          // file name of the wheel it was read from
	SHA256         string `json:"sha256"`         // of that wheel, hex
	// Extras maps each extra to its own requirements as METADATA has them,
	// markers included. Extras without requirements are present.
	Extras map[string][]string `json:"extras"`
	// Sources maps each source to its class, "module:Class".
	Sources map[string]string `json:"sources"`
}

var _ plan.Catalog = (*Catalog)(nil)

// Version returns the release in its PEP 440 normal form.
func (c *Catalog) Version() string { return c.CLIVersion }

// SourceClasses returns a copy of Sources.
func (c *Catalog) SourceClasses() map[string]string { return maps.Clone(c.Sources) }

// HasExtra reports whether the release has an extra of this normalised name.
func (c *Catalog) HasExtra(name string) bool {
	_, ok := c.Extras[name]
	return ok
}

// Supports reports whether Requires-Python admits a Python, by its minor
// version ("3.13").
func (c *Catalog) Supports(python string) bool {
	clauses, err := pep440.ParseSpecifiers(c.RequiresPython)
	if err != nil {
		return false // a catalog with such clauses is not made
	}
	v, err := pep440.Parse(python)
	return err == nil && clauses.Contain(v)
}

// machines maps a platform to the kernel's name of its architecture, which is
// what markers compare with.
var machines = map[string]string{"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

// Dropped lists the requirements of an extra that markers take away on one
// platform while another of lockforge's platforms gets them with the same
// Python: a connector without its driver. Requirements for other systems and
// for other Pythons are no loss. Sorted by name; alternatives of one
// requirement (two lines, one marker each) count as one.
func (c *Catalog) Dropped(extra, platform, python string) []plan.Dropped {
	here := map[string]bool{}
	elsewhere := map[string]plan.Dropped{}
	for _, text := range c.Extras[extra] {
		r, err := pep508.Parse(text)
		if err != nil {
			continue // a catalog with such a line is not made
		}
		name := pep508.Normalise(r.Name)
		for p, machine := range machines {
			if !r.Marker.Holds(pep508.Linux(machine, python), extra) {
				continue
			}
			if p == platform {
				here[name] = true
			} else {
				elsewhere[name] = plan.Dropped{Requirement: r.Name, Marker: r.Marker.WithoutExtra()}
			}
		}
	}
	var dropped []plan.Dropped
	for _, name := range slices.Sorted(maps.Keys(elsewhere)) {
		if !here[name] {
			dropped = append(dropped, elsewhere[name])
		}
	}
	return dropped
}
