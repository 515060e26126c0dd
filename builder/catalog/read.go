package catalog

import (
	"fmt"
	"io"
	"regexp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/plan"
	"github.com/lockforge/lockforge/builder/wheel"
)

// sourceGroup is the entry point group in which DataHub registers sources.
const sourceGroup = "datahub.ingestion.source.plugins"

var classGrammar = regexp.MustCompile(`^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$`)

// Read makes a catalog from a release's wheel, whose structure is checked
// strictly (package wheel) and whose name and version must be those asked for.
// Errors: fault.Integrity.
func Read(r io.ReaderAt, size int64, filename, version string) (*Catalog, error) {
	w, err := wheel.Open(r, size, filename)
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the CLI's wheel %s", filename)
	}
	m := w.Metadata()
	if pep508.Normalise(m.Name) != plan.Project {
		return nil, fault.New(fault.Integrity, "reading the CLI's wheel %s: it is of the project %s", filename, m.Name)
	}
	if !wheel.SameVersion(m.Version, version) {
		return nil, fault.New(fault.Integrity, "reading the CLI's wheel %s: it is of version %s, not %s", filename, m.Version, version)
	}
	c := &Catalog{CLIVersion: version, RequiresPython: m.RequiresPython, Wheel: filename, Extras: map[string][]string{}, Sources: map[string]string{}}
	err = c.fill(m, w.EntryPoints()[sourceGroup])
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading the CLI's wheel %s", filename)
	}
	return c, nil
}

// fill takes over extras and sources, refusing what can't be read: a line that
// is skipped would be a connector without a driver.
func (c *Catalog) fill(m *wheel.Metadata, sources map[string]string) error {
	if _, err := pep440.ParseSpecifiers(m.RequiresPython); err != nil {
		return fmt.Errorf("Requires-Python: %w", err)
	}
	for _, extra := range m.ProvidesExtra {
		c.Extras[pep508.Normalise(extra)] = []string{}
	}
	for _, text := range m.RequiresDist {
		r, err := pep508.Parse(text)
		if err != nil {
			return fmt.Errorf("Requires-Dist: %w", err)
		}
		for extra := range c.Extras {
			if r.Marker.Names(extra) {
				c.Extras[extra] = append(c.Extras[extra], text)
			}
		}
	}
	for name, class := range sources {
		if !classGrammar.MatchString(class) {
			return fmt.Errorf("entry_points.txt: the source %q has the class %q", name, class)
		}
		c.Sources[name] = class
	}
	if len(c.Extras) == 0 || len(c.Sources) == 0 {
		return fmt.Errorf("it has %d extras and %d sources", len(c.Extras), len(c.Sources))
	}
	return nil
}
