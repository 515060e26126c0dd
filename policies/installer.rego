# METADATA
# title: No package installer
# description: No program, module, distribution or archive that installs software exists in any layer.
# custom:
#   id: LF001-installer
#   severity: critical
#   fix: drop the package from the requirements, or report which wheel brings the file
package lockforge.content.installer

import data.lockforge.lib

programs := {"apk", "apt", "apt-get", "aptitude", "conda", "dnf", "dpkg", "dpkg-deb", "easy_install", "hatch", "mamba", "microdnf", "micromamba", "npm", "pdm", "pex", "pip", "pipenv", "pipx", "poetry", "pyproject-build", "rpm", "uv", "uvx", "virtualenv", "wheel", "yum"}

distributions := {"build", "conda", "distribute", "ensurepip", "hatch", "pdm", "pex", "pip", "pipenv", "pipx", "poetry", "setuptools", "uv", "virtualenv", "wheel"}

ready if {
	lib.list(input.programs)
	lib.list(input.distributions)
}

deny contains finding if {
	some program in input.programs
	lib.named(program.name, programs)
	finding := {
		"msg": sprintf("installer %s is in the image", [program.name]),
		"path": program.path,
		"layer": program.layer,
		"evidence": program.kind,
	}
}

deny contains finding if {
	some dist in input.distributions
	dist.name in distributions
	finding := {
		"msg": sprintf("%s %s is in the image", [dist.kind, dist.name]),
		"path": dist.path,
		"layer": dist.layer,
		"evidence": sprintf("%s %s", [dist.name, dist.version]),
	}
}

# An archive can be installed or imported from wherever it lies.
deny contains finding if {
	some dist in input.distributions
	dist.kind == "archive"
	not dist.name in distributions
	finding := {
		"msg": "a packed distribution is in the image",
		"path": dist.path,
		"layer": dist.layer,
		"evidence": sprintf("%s %s", [dist.name, dist.version]),
	}
}
