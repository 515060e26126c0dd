# METADATA
# title: A numeric user that is not root
# description: The image runs as a numeric user other than 0, in a group other than 0.
# custom:
#   id: LF010-user
#   severity: critical
#   fix: set runtime.user in the manifest to a number above 0
package lockforge.config.user

ready if is_string(input.config.user)

deny contains finding if {
	not regex.match(`^[1-9][0-9]*(:[1-9][0-9]*)?$`, input.config.user)
	finding := {
		"msg": "the image does not run as a numeric non-root user",
		"path": "",
		"evidence": sprintf("user %q", [input.config.user]),
	}
}
