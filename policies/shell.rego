# METADATA
# title: No shell
# description: No shell and no interpreter other than Python exists in any layer.
# custom:
#   id: LF002-shell
#   severity: critical
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.shell

import data.lockforge.lib

kinds := {"shell", "interpreter"}

ready if lib.tools_collected

deny contains finding if {
	some tool in input.tools
	tool.kind in kinds
	count(lib.reasons(tool.name)) == 0
	finding := lib.tool_finding(tool)
}

allowed contains entry if {
	some tool in input.tools
	tool.kind in kinds
	some reason in lib.reasons(tool.name)
	entry := {"what": tool.path, "reason": reason}
}
