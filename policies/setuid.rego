# METADATA
# title: No setuid, setgid or file capability
# description: No file or directory gives rights beyond those of the user who runs it.
# custom:
#   id: LF005-setuid
#   severity: critical
#   fix: drop the OS package that brings the file
package lockforge.files.setuid

import data.lockforge.lib

ready if lib.list(input.entries)

deny contains finding if {
	some group in input.entries
	group.type != "link"
	bits.and(group.mode, 3072) != 0 # 0o6000
	some place in group.paths
	finding := {
		"msg": "setuid or setgid bit",
		"path": place.path,
		"layer": place.layer,
		"evidence": sprintf("mode %04o", [group.mode]),
	}
}

deny contains finding if {
	some group in input.entries
	group.capabilities
	some place in group.paths
	finding := {
		"msg": "file capability",
		"path": place.path,
		"layer": place.layer,
		"evidence": "security.capability",
	}
}
