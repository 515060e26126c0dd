# METADATA
# title: No shell
# description: No shell and no other program that starts commands from text exists in any layer.
# custom:
#   id: LF002-shell
#   severity: critical
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.shell

import data.lockforge.lib

names := {"ash", "awk", "bash", "busybox", "csh", "dash", "env", "find", "fish", "gawk", "ksh", "mawk", "mksh", "perl", "posh", "rbash", "sed", "sh", "tcsh", "toybox", "xargs", "yash", "zsh"}

ready if lib.list(input.programs)

deny contains finding if {
	some program in input.programs
	lib.named(program.name, names)
	count(lib.reasons(program.name)) == 0
	finding := {
		"msg": sprintf("shell %s is in the image", [program.name]),
		"path": program.path,
		"layer": program.layer,
		"evidence": program.kind,
	}
}

allowed contains entry if {
	some program in input.programs
	lib.named(program.name, names)
	some reason in lib.reasons(program.name)
	entry := {"what": program.path, "reason": reason}
}
