package plan

import (
	"fmt"
	"slices"

	"github.com/lockforge/lockforge/builder/manifest"
)

// commonExtras are in every venv, where the release has them: the sinks that
// recipes use and the file source.
var commonExtras = []string{"datahub-rest", "datahub-kafka", "file"}

// additional are further plugins whose extras a plugin needs: the file source
// reads from object stores.
var additional = map[string][]string{"file": {"s3"}}

// slimPlugins have a variant without Spark. Other extras whose name ends in
// "-slim" (snowflake, bigquery, redshift) mean something else, and their
// connectors don't import without the rest.
var slimPlugins = []string{"s3", "gcs", "abs"}

// SlimExtra returns the extra that stands for a plugin in slim mode: its slim
// variant where upstream's list and the release have one, else "".
func SlimExtra(plugin string, has func(extra string) bool) string {
	if slim := plugin + "-slim"; slices.Contains(slimPlugins, plugin) && has(slim) {
		return slim
	}
	return ""
}

// extras lists what a plugin's venv asks of the CLI, in upstream's order.
// Names that are no extra of the release are left out: uv would only warn
// about them, and what has no extra needs none.
func (b *builder) extras(p manifest.Plugin) []string {
	wanted := append(slices.Clone(commonExtras), b.extraOf(manifest.Canonical(p.Name)))
	for _, name := range additional[p.Name] {
		wanted = append(wanted, b.extraOf(name))
	}
	wanted = append(wanted, p.Extras...)
	found := []string{}
	for _, extra := range wanted {
		if b.catalog.HasExtra(extra) && !slices.Contains(found, extra) {
			found = append(found, extra)
		}
	}
	return found
}

func (b *builder) extraOf(plugin string) string {
	if b.m.CLI.Slim {
		if slim := SlimExtra(plugin, b.catalog.HasExtra); slim != "" {
			return slim
		}
	}
	return plugin
}

// checkDrivers refuses extras that a platform gets without their driver.
func (b *builder) checkDrivers(path, name string, extras []string) {
	for _, platform := range b.m.Platforms {
		for _, extra := range extras {
			for _, d := range b.catalog.Dropped(extra, platform, b.python) {
				b.problem(path, fmt.Sprintf("leave %s out, or build without %s", name, platform),
					"%s cannot work on %s: %s %s installs %s only where %s", name, platform, Project, b.m.CLI.Version, d.Requirement, d.Marker)
			}
		}
	}
}
