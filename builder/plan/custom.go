package plan

import (
	"fmt"
	"slices"

	"github.com/lockforge/lockforge/builder/internal/pep508"
)

// custom makes the venv of a user's own source: its requirements, and the CLI
// in the manifest's version with the extras that they ask for or, where they
// don't mention it, with those that recipes need to reach DataHub.
func (b *builder) custom(i int) Venv {
	c := b.m.Custom[i]
	v := Venv{
		Dir: c.Name + pluginSuffix, Label: c.Name, Plugins: []string{c.Name}, Links: []string{}, Extras: []string{},
		Sources: []Source{{Plugin: c.Name, Name: c.Name, Class: c.Source}},
	}
	var others []string
	mentioned := false
	for j, text := range c.Requirements {
		r, err := pep508.Parse(text)
		if err != nil || pep508.Normalise(r.Name) != Project {
			others = append(others, text) // what can't be parsed, the manifest has refused
			continue
		}
		mentioned = true
		for _, extra := range r.Extras {
			if !b.catalog.HasExtra(extra) {
				b.problem(fmt.Sprintf("custom[%d].requirements[%d]", i, j), "`lockforge plugins` lists what the release has",
					"%s %s has no extra %s", Project, b.m.CLI.Version, extra)
			} else if !slices.Contains(v.Extras, extra) {
				v.Extras = append(v.Extras, extra)
			}
		}
	}
	if !mentioned {
		for _, extra := range commonExtras {
			if b.catalog.HasExtra(extra) {
				v.Extras = append(v.Extras, extra)
			}
		}
	}
	b.checkDrivers(fmt.Sprintf("custom[%d]", i), c.Name, v.Extras)
	v.Requirements = append([]string{b.requirement(v.Extras)}, others...)
	return v
}
