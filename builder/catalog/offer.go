package catalog

import (
	"cmp"
	"maps"
	"slices"

	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
)

// Offer is one plugin of a release, as `lockforge plugins` lists it.
type Offer struct {
	Plugin string `json:"plugin"`
	// Source is the name that the release registers; it differs from Plugin
	// for an alias.
	Source     string   `json:"source"`
	Class      string   `json:"class"`
	Extra      string   `json:"extra,omitempty"` // "" where the CLI's base is enough
	Slim       string   `json:"slim,omitempty"`  // extra used in slim mode
	OSPackages []string `json:"osPackages"`      // of the suite
	Platforms  []string `json:"platforms"`       // on which it has its requirements
}

// Offers lists every plugin that a manifest may name, aliases included, sorted
// by name, for one Debian suite.
func (c *Catalog) Offers(suite string) []Offer {
	offers := map[string]Offer{}
	for source := range c.Sources {
		for _, name := range append(manifest.Aliases(source), source) {
			offers[name] = c.offer(name, source, suite)
		}
	}
	// A source of its own beats being the alias of another.
	for source := range c.Sources {
		offers[source] = c.offer(source, source, suite)
	}
	return slices.SortedFunc(maps.Values(offers), func(a, b Offer) int { return cmp.Compare(a.Plugin, b.Plugin) })
}

func (c *Catalog) offer(name, source, suite string) Offer {
	o := Offer{Plugin: name, Source: source, Class: c.Sources[source], OSPackages: []string{}, Platforms: []string{}}
	extra := manifest.Canonical(name)
	if c.HasExtra(extra) {
		o.Extra = extra
	}
	o.Slim = plan.SlimExtra(extra, c.HasExtra)
	o.OSPackages = append(o.OSPackages, plan.Libraries(extra, suite)...)
	for _, platform := range manifest.Platforms {
		if len(c.Dropped(extra, platform, plan.Pythons[suite])) == 0 {
			o.Platforms = append(o.Platforms, platform)
		}
	}
	return o
}
