# METADATA
# title: Files, directories and links only
# description: No device node, pipe or socket exists in any layer.
# custom:
#   id: LF018-special
#   severity: high
#   fix: leave the file out of the layer that brings it
package lockforge.files.special

import data.lockforge.lib

ordinary := {"dir", "file", "hardlink", "link"}

ready if lib.list(input.entries)

deny contains finding if {
	some group in input.entries
	not group.type in ordinary
	some place in group.paths
	finding := {
		"msg": "neither file, directory nor link",
		"path": place.path,
		"layer": place.layer,
		"evidence": group.type,
	}
}
