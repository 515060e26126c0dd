# METADATA
# title: One modification time
# description: Every path carries the lock's time, except those of a base image, whose layers are locked by hash.
# custom:
#   id: LF016-mtime
#   needs: lock
#   severity: low
#   fix: build the file with the epoch of the lock; a tool that writes the current time makes the image differ at each build
package lockforge.files.mtime

import data.lockforge.lib

ready if {
	lib.list(input.entries)
	is_number(input.expect.epoch)
}

deny contains finding if {
	some group in input.entries
	group.mtime != input.expect.epoch
	some place in group.paths
	place.layer >= object.get(input.expect, "base", 0)
	finding := {
		"msg": "another modification time than the lock's",
		"path": place.path,
		"layer": place.layer,
		"evidence": sprintf("mtime %d, expected %d", [group.mtime, input.expect.epoch]),
	}
}
