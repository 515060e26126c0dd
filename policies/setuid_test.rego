package lockforge.files.setuid_test

import data.lockforge.files.setuid as rule

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

facts(entries, tools) := {
	"entries": entries,
	"programs": [{"name": "python3.13", "path": "/usr/bin/python3.13", "layer": 1, "kind": "elf"}],
	"tools": tools,
}

test_pass if {
	rule.ready with input as facts([entry(493, {})], [])
	count(rule.deny) == 0 with input as facts([entry(493, {})], [])
}

test_deny if {
	some finding in rule.deny with input as facts([entry(2541, {})], [])
	finding.evidence == "mode 4755"
}

test_deny_capability if {
	count(rule.deny) == 1 with input as facts([entry(493, {"capabilities": true})], [])
}

test_deny_tool if {
	su := {"name": "su", "path": "/usr/bin/su", "layer": 0, "kind": "privilege", "by": "name"}
	count(rule.deny) == 1 with input as facts([entry(493, {})], [su])
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as facts([], [])
	not rule.ready with input as {"entries": [entry(493, {})]}
}
