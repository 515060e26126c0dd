# METADATA
# title: No package installer
# description: No program, module, distribution or archive that installs software exists in any layer.
# custom:
#   id: LF001-installer
#   severity: critical
#   fix: drop the package from the requirements, or report which wheel brings the file
package lockforge.content.installer

import data.lockforge.lib

ready if {
	lib.tools_collected
	lib.list(input.distributions)
}

# Unlike other tools an installer is admitted by nothing in the manifest.
deny contains lib.tool_finding(tool) if {
	some tool in input.tools
	tool.kind == "installer"
}
