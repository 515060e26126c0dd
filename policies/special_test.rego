package lockforge.files.special_test

import data.lockforge.files.special as rule

entry(mode, extra) := object.union(
	{
		"type": "file",
		"mode": mode,
		"uid": 0,
		"gid": 0,
		"mtime": 1700000000,
		"capabilities": false,
		"paths": [{"path": "/usr/bin/python3.13", "layer": 1}],
	},
	extra,
)

test_pass if {
	rule.ready with input as {"entries": [entry(420, {}), entry(511, {"type": "link"})]}
	count(rule.deny) == 0 with input as {"entries": [entry(420, {}), entry(511, {"type": "link"})]}
}

test_deny if {
	some finding in rule.deny with input as {"entries": [entry(438, {"type": "char"})]}
	finding.evidence == "char"
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"entries": []}
}
