package manifest

import "slices"

// aliases are upstream's clusters of names for one connector; the first name
// is the canonical one, whose extra is installed.
var aliases = [][]string{
	{"unity-catalog", "databricks"},
	{"hive-metastore", "presto-on-hive"},
}

// Canonical returns the name whose extra a plugin uses: its own, unless it is
// an alias.
func Canonical(plugin string) string { return Aliases(plugin)[0] }

// Aliases returns every name of a plugin, the canonical one first.
func Aliases(plugin string) []string {
	for _, cluster := range aliases {
		if slices.Contains(cluster, plugin) {
			return slices.Clone(cluster)
		}
	}
	return []string{plugin}
}
