# METADATA
# title: No writable code
# description: Nothing is writable for group or others, except /tmp with its sticky bit.
# custom:
#   id: LF007-writable
#   severity: critical
#   fix: build the file with mode 0644 or 0755
package lockforge.files.writable

import data.lockforge.lib

ready if {
	lib.list(input.entries)
	lib.list(input.expect.writable)
}

deny contains finding if {
	some group in input.entries
	group.type != "symlink"
	bits.and(group.mode, 18) != 0 # 0o022
	some place in group.paths
	not scratch(group, place.path)
	finding := {
		"msg": "writable for group or others",
		"path": place.path,
		"layer": place.layer,
		"evidence": sprintf("mode %04o", [group.mode]),
	}
}

# A directory for temporary files: listed, and sticky, so that one user cannot rename another's files.
scratch(group, path) if {
	group.type == "dir"
	bits.and(group.mode, 512) != 0 # 0o1000
	path in input.expect.writable
}
