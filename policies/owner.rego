# METADATA
# title: Everything belongs to root
# description: Every path except the directories for state belongs to user 0 and group 0.
# custom:
#   id: LF015-owner
#   severity: high
#   fix: build the file with owner 0:0
package lockforge.files.owner

import data.lockforge.lib

ready if {
	lib.list(input.entries)
	lib.list(input.expect.writable)
}

deny contains finding if {
	some group in input.entries
	owner := sprintf("%d:%d", [group.uid, group.gid])
	owner != "0:0"
	some place in group.paths
	not lib.state(place.path)
	finding := {
		"msg": "does not belong to root",
		"path": place.path,
		"layer": place.layer,
		"evidence": sprintf("owner %s", [owner]),
	}
}
