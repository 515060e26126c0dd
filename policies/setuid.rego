# METADATA
# title: No way to more rights
# description: No setuid or setgid bit, no file capability and no program that changes users exists in any layer.
# custom:
#   id: LF005-setuid
#   severity: critical
#   fix: drop the OS package that brings the file
package lockforge.files.setuid

import data.lockforge.lib

ready if {
	lib.list(input.entries)
	lib.tools_collected
}

deny contains finding if {
	some group in input.entries
	group.type != "symlink"
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

deny contains lib.tool_finding(tool) if {
	some tool in input.tools
	tool.kind == "privilege"
}
