package lockforge.files.mtime_test

import data.lockforge.files.mtime as rule

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

test_deny if {
	some finding in rule.deny with input as facts(entry(420, {"mtime": 1700000001}))
	finding.evidence == "mtime 1700000001, expected 1700000000"
}

test_base_layers_keep_their_times if {
	late := entry(420, {"mtime": 1700000001})
	count(rule.deny) == 0 with input as object.union(facts(late), {"expect": {"epoch": 1700000000, "base": 2}})
	count(rule.deny) == 1 with input as object.union(facts(late), {"expect": {"epoch": 1700000000, "base": 1}})
}

test_missing_input if {
	not rule.ready with input as {"entries": [entry(420, {})]}
	not rule.ready with input as {"expect": {"writable": ["/tmp", "/var/lib/datahub-executor"], "epoch": 1700000000, "layers": 48}}
}
