package lockforge.files.writable_test

import data.lockforge.files.writable as rule

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

test_pass_tmp if {
	tmp := entry(1023, {"type": "dir", "paths": [{"path": "/tmp", "layer": 0}]})
	count(rule.deny) == 0 with input as facts(tmp)
}

test_pass_link if {
	count(rule.deny) == 0 with input as facts(entry(511, {"type": "symlink"}))
}

test_deny if {
	some finding in rule.deny with input as facts(entry(438, {}))
	finding.evidence == "mode 0666"
}

test_deny_tmp_without_sticky_bit if {
	tmp := entry(511, {"type": "dir", "paths": [{"path": "/tmp", "layer": 0}]})
	count(rule.deny) == 1 with input as facts(tmp)
}

test_deny_sticky_elsewhere if {
	dir := entry(1023, {"type": "dir", "paths": [{"path": "/opt/datahub/store", "layer": 3}]})
	count(rule.deny) == 1 with input as facts(dir)
}

test_missing_input if {
	not rule.ready with input as {"entries": [entry(420, {})]}
	not rule.ready with input as {"expect": {"writable": ["/tmp", "/var/lib/datahub-executor"], "epoch": 1700000000, "layers": 48}}
}
