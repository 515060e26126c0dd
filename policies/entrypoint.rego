# METADATA
# title: Entry point in exec form
# description: The image starts one program by its absolute path, without a shell.
# custom:
#   id: LF014-entrypoint
#   severity: high
#   fix: write the entry point as a list that starts with an absolute path
package lockforge.config.entrypoint

shells := {"ash", "bash", "busybox", "csh", "dash", "env", "ksh", "sh", "tcsh", "zsh"}

ready if is_array(input.config.entrypoint)

deny contains finding("no entry point") if count(input.config.entrypoint) == 0

deny contains finding("the entry point is not an absolute path") if {
	count(input.config.entrypoint) > 0
	not startswith(input.config.entrypoint[0], "/")
}

deny contains finding("the entry point runs through a shell") if {
	parts := split(input.config.entrypoint[0], "/")
	parts[count(parts) - 1] in shells
}

deny contains finding("the health check runs through a shell") if input.config.healthcheck[0] == "CMD-SHELL"

finding(msg) := {
	"msg": msg,
	"path": "",
	"evidence": json.marshal(input.config.entrypoint),
}
