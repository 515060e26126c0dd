package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/suggest"
	"github.com/lockforge/lockforge/builder/manifest"
)

// checkPlugins accepts a plugin only if the release has it as a source, or as
// the alias of one, and its further extras only if the release has them.
func (b *builder) checkPlugins() {
	for i, p := range b.m.Plugins {
		path := fmt.Sprintf("plugins[%d]", i)
		if b.sourceName(p.Name) == "" {
			b.refuse(path, p.Name)
			continue
		}
		for j, extra := range p.Extras {
			if !b.catalog.HasExtra(extra) {
				b.problem(fmt.Sprintf("%s.extras[%d]", path, j), "`lockforge plugins` lists what the release has",
					"%s %s has no extra %s", Project, b.m.CLI.Version, extra)
			}
		}
		b.checkDrivers(path, p.Name, b.extras(p))
	}
}

// sourceName is the name under which a release registers a plugin's source;
// "" where it has none.
func (b *builder) sourceName(plugin string) string {
	for _, name := range append([]string{plugin}, manifest.Aliases(plugin)...) {
		if _, ok := b.classes[name]; ok {
			return name
		}
	}
	return ""
}

// refuse says why a name is no plugin of the release.
func (b *builder) refuse(path, name string) {
	release := Project + " " + b.m.CLI.Version
	if b.catalog.HasExtra(name) {
		b.problem(path, b.extraHint(name), "%s is an extra of %s but no source: no recipe could name it", name, release)
		return
	}
	hint := "`lockforge plugins` lists what the release has"
	if near, ok := suggest.Nearest(name, b.pluginNames()); ok {
		hint = name + ": did you mean " + near + "?"
	}
	b.problem(path, hint, "%s has no source %s", release, name)
}

// extraHint proposes the source that an extra belongs to, by its name.
func (b *builder) extraHint(extra string) string {
	for base := extra; base != ""; {
		i := strings.LastIndexByte(base, '-')
		if i < 0 {
			break
		}
		base = base[:i]
		if b.sourceName(base) == "" {
			continue
		}
		switch {
		case SlimExtra(base, b.catalog.HasExtra) == extra:
			return fmt.Sprintf("list %s, and set slim mode", base)
		case strings.HasSuffix(extra, "-slim"):
			return fmt.Sprintf("list %s: its -slim extra leaves out what the connector imports", base)
		}
		return fmt.Sprintf("write {name: %s, extras: [%s]}", base, extra)
	}
	return fmt.Sprintf("name it as an extra of a plugin: {name: PLUGIN, extras: [%s]}", extra)
}

// pluginNames lists every name that would be accepted, sorted.
func (b *builder) pluginNames() []string {
	names := slices.Collect(maps.Keys(b.classes))
	for _, name := range slices.Clone(names) {
		names = append(names, manifest.Aliases(name)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
