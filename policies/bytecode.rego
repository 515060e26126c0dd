# METADATA
# title: Bytecode belongs to its source
# description: Every compiled file was made from the source beside it and is used without looking at the clock.
# custom:
#   id: LF018-bytecode
#   severity: high
#   fix: build the image with lockforge, which compiles every source itself and drops shipped bytecode
package lockforge.python.bytecode

import data.lockforge.lib

ready if lib.list(input.bytecode)

deny contains finding if {
	some group in input.bytecode
	some problem in problems(group)
	some place in group.paths
	finding := {
		"msg": problem,
		"path": place.path,
		"layer": place.layer,
		"evidence": sprintf("flags %d", [group.flags]),
	}
}

problems(group) := {"compiled from no source in the image"} if not group.source

problems(group) := {"compiled from other text than its source"} if {
	group.source
	not group.matches
}

# PEP 552: 1 is a hash that is not checked at run time; 0 is a time stamp, 3 a hash that is checked.
problems(group) := {"validated at each start"} if {
	group.source
	group.matches
	group.flags != 1
}
