package lockforge.files.owner_test

import data.lockforge.files.owner as rule

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

facts(group) := {"entries": [group], "expect": {"writable": ["/tmp", "/var/lib/datahub-executor"], "epoch": 1700000000, "layers": 48}}

test_pass if {
	rule.ready with input as facts(entry(420, {}))
	count(rule.deny) == 0 with input as facts(entry(420, {}))
}

test_pass_state_directory if {
	state := entry(448, {"type": "dir", "uid": 1000, "gid": 1000, "paths": [{"path": "/var/lib/datahub-executor", "layer": 9}]})
	count(rule.deny) == 0 with input as facts(state)
}

test_deny if {
	some finding in rule.deny with input as facts(entry(420, {"uid": 1000}))
	finding.evidence == "owner 1000:0"
}

test_deny_link if {
	count(rule.deny) == 1 with input as facts(entry(511, {"type": "symlink", "gid": 1000}))
}

test_deny_lookalike_of_state_directory if {
	lookalike := entry(420, {"uid": 1000, "paths": [{"path": "/var/lib/datahub-executor2/x", "layer": 9}]})
	count(rule.deny) == 1 with input as facts(lookalike)
}

test_missing_input if {
	not rule.ready with input as {"entries": [entry(420, {})]}
	not rule.ready with input as {"expect": {"writable": ["/tmp", "/var/lib/datahub-executor"], "epoch": 1700000000, "layers": 48}}
}
