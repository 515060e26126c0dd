# METADATA
# title: No unreviewed start-up file
# description: Every file that Python runs at start (.pth, .start, sitecustomize, usercustomize) was reviewed by its hash.
# custom:
#   id: LF008-startup
#   severity: critical
#   fix: read the file, then list it with its hash and a reason under reviewed in the manifest
package lockforge.python.startup

import data.lockforge.lib

ready if is_array(input.startup)

deny contains finding if {
	some file in input.startup
	count(reasons(file)) == 0
	finding := {
		"msg": sprintf("Python runs this %s at start, and nobody reviewed it", [file.kind]),
		"path": file.path,
		"layer": file.layer,
		"evidence": concat("", ["sha256:", file.sha256]),
	}
}

allowed contains entry if {
	some file in input.startup
	some reason in reasons(file)
	entry := {"what": file.path, "reason": reason}
}

# Same bytes under the same name: the same text means something else in another place.
reasons(file) := {entry.reason |
	lib.text(file.sha256)
	some entry in input.reviewed
	entry.sha256 == file.sha256
	endswith(file.path, concat("", ["/", entry.file]))
	lib.text(entry.reason)
}
