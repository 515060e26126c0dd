package lockforge.content.installer_test

import data.lockforge.content.installer as rule

python := {"name": "python3.13", "path": "/usr/bin/python3.13", "layer": 1, "kind": "elf"}

dist(name, kind) := {
	"name": name,
	"version": "1.0",
	"path": sprintf("/opt/datahub/store/x/%s", [name]),
	"layer": 2,
	"kind": kind,
}

facts(programs, dists) := {"programs": programs, "distributions": dists}

test_pass if {
	good := facts([python], [dist("pyyaml", "dist-info")])
	rule.ready with input as good
	count(rule.deny) == 0 with input as good
}

test_deny if {
	pip := {"name": "pip3.13", "path": "/usr/bin/pip3.13", "layer": 1, "kind": "script"}
	some finding in rule.deny with input as facts([python, pip], [dist("pyyaml", "dist-info")])
	finding.path == "/usr/bin/pip3.13"
}

test_deny_distribution if {
	count(rule.deny) == 1 with input as facts([python], [dist("setuptools", "dist-info")])
	count(rule.deny) == 1 with input as facts([python], [dist("ensurepip", "module")])
}

test_deny_archive if {
	count(rule.deny) == 1 with input as facts([python], [dist("pyyaml", "archive")])
	count(rule.deny) == 1 with input as facts([python], [dist("pip", "archive")])
}

# No entry of the manifest admits an installer.
test_deny_despite_allow if {
	pip := {"name": "pip", "path": "/usr/bin/pip", "layer": 1, "kind": "script"}
	input_with_allow := object.union(
		facts([python, pip], [dist("pyyaml", "dist-info")]),
		{"allow": [{"program": "pip", "reason": "wanted"}]},
	)
	count(rule.deny) == 1 with input as input_with_allow
}

test_missing_input if {
	not rule.ready with input as {"programs": [python]}
	not rule.ready with input as {"distributions": [dist("pyyaml", "dist-info")]}
	not rule.ready with input as facts([], [])
}
