# METADATA
# title: No downloader or unpacker
# description: No program that fetches, sends or unpacks files exists in any layer.
# custom:
#   id: LF003-downloader
#   severity: high
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.downloader

import data.lockforge.lib

kinds := {"downloader", "archiver"}

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
