package lockforge.sbom.sbom_test

import data.lockforge.sbom.sbom as rule

yaml := {"type": "pypi", "name": "pyyaml", "version": "6.0.3"}

libc := {"type": "deb", "name": "libc6", "version": "2.41-12"}

facts(installed, documented) := {"packages": {"installed": installed, "documented": documented}}

test_pass if {
	rule.ready with input as facts([yaml, libc], [libc, yaml])
	count(rule.deny) == 0 with input as facts([yaml, libc], [libc, yaml])
}

test_deny if {
	some finding in rule.deny with input as facts([yaml, libc], [yaml])
	finding.evidence == "deb libc6 2.41-12"
}

test_deny_other_version if {
	count(rule.deny) == 2 with input as facts([yaml], [object.union(yaml, {"version": "6.0.2"})])
}

test_deny_empty_sbom if {
	count(rule.deny) == 1 with input as facts([yaml], [])
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"packages": {"installed": [yaml]}}
	not rule.ready with input as facts([], [yaml])
}
