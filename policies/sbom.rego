# METADATA
# title: The SBOM lists what is installed
# description: Every installed package is in the SBOM with its version, and the SBOM lists nothing else.
# custom:
#   id: LF011-sbom
#   needs: lock
#   severity: high
#   fix: rebuild the SBOM from the image; a difference means that one of the two was changed afterwards
package lockforge.sbom.sbom

import data.lockforge.lib

ready if {
	lib.list(input.packages.installed)
	is_array(input.packages.documented)
}

key(package_) := sprintf("%s %s %s", [package_.type, package_.name, package_.version])

installed := {key(p) | some p in input.packages.installed}

documented := {key(p) | some p in input.packages.documented}

deny contains {"msg": "package is not in the SBOM", "path": "", "evidence": missing} if {
	some missing in installed - documented
}

deny contains {"msg": "the SBOM lists a package that is not installed", "path": "", "evidence": extra} if {
	some extra in documented - installed
}
