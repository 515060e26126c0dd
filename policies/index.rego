# METADATA
# title: Every index knob is closed
# description: Environment and configuration files point pip and uv at nothing, and run-time resolution is off.
# custom:
#   id: LF009-index
#   severity: high
#   fix: build the image with lockforge, which sets every knob; remove overrides from the base image
package lockforge.config.index

import data.lockforge.lib

nowhere := "http://127.0.0.1:1/simple"

# These have a default in pip or uv, so leaving them empty would open the public index.
pointed := {"PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"}

# These add sources, so that empty closes them.
closed := {"PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX"}

files := {"/etc/pip.conf", "/etc/uv/uv.toml"}

ready if {
	lib.list(input.config.env)
	is_object(input.indexFiles)
}

env[name] contains value if {
	some pair in input.config.env
	at := indexof(pair, "=")
	at > 0
	name := substring(pair, 0, at)
	value := substring(pair, at + 1, -1)
}

deny contains finding("index variable is not set", name) if {
	some name in pointed | closed
	not env[name]
}

deny contains finding("index variable points somewhere", name) if {
	some name in pointed
	some value in env[name]
	value != nowhere
}

deny contains finding("index variable adds a source", name) if {
	some name in closed
	some value in env[name]
	not value in {"", nowhere}
}

# A knob that this rule does not know by name still may not name an address.
deny contains finding("variable names an address", name) if {
	some name, values in env
	regex.match(`^(PIP|UV)_`, name)
	not name in pointed | closed
	some value in values
	contains(value, "://")
	value != nowhere
}

deny contains finding("dependency resolution at run time is not switched off", name) if {
	name := "INGESTION_DEPENDENCY_RESOLUTION_ENABLED"
	not off(name)
}

off(name) if env[name] == {"false"}

deny contains file_finding("configuration file is missing", path) if {
	some path in files
	not input.indexFiles[path]
}

deny contains file_finding("configuration file does not close the index", path) if {
	some path in files
	not contains(input.indexFiles[path], nowhere)
}

deny contains file_finding("configuration file names an address", path) if {
	some path, content in input.indexFiles
	contains(replace(content, nowhere, ""), "://")
}

finding(msg, name) := {"msg": msg, "path": "", "evidence": name}

file_finding(msg, path) := {"msg": msg, "path": path, "evidence": path}
