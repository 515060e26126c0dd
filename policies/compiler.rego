# METADATA
# title: No compiler or debugger
# description: No program that makes, links or debugs native code exists in any layer.
# custom:
#   id: LF004-compiler
#   severity: high
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.compiler

import data.lockforge.lib

kinds := {"compiler", "debugger"}

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
