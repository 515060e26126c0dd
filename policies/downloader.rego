# METADATA
# title: No downloader or unpacker
# description: No program that fetches, sends or unpacks files exists in any layer.
# custom:
#   id: LF003-downloader
#   severity: high
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.downloader

import data.lockforge.lib

names := {"7z", "aria2c", "bsdtar", "cpio", "curl", "ftp", "git", "hg", "lftp", "nc", "ncat", "netcat", "openssl", "rsync", "scp", "sftp", "socat", "ssh", "svn", "tar", "telnet", "unzip", "wget", "zip"}

ready if lib.list(input.programs)

deny contains finding if {
	some program in input.programs
	lib.named(program.name, names)
	count(lib.reasons(program.name)) == 0
	finding := {
		"msg": sprintf("downloader %s is in the image", [program.name]),
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
