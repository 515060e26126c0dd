package lockforge.python.bytecode_test

import data.lockforge.python.bytecode as rule

facts(extra) := {"bytecode": [object.union(
	{
		"flags": 1,
		"source": true,
		"matches": true,
		"paths": [{"path": "/usr/lib/python3.13/__pycache__/os.cpython-313.pyc", "layer": 1}],
	},
	extra,
)]}

test_pass if {
	rule.ready with input as facts({})
	count(rule.deny) == 0 with input as facts({})
}

test_deny if {
	some finding in rule.deny with input as facts({"matches": false})
	finding.msg == "compiled from other text than its source"
}

test_deny_without_source if {
	count(rule.deny) == 1 with input as facts({"source": false, "matches": false})
}

test_deny_time_stamp if {
	count(rule.deny) == 1 with input as facts({"flags": 0})
	count(rule.deny) == 1 with input as facts({"flags": 3})
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"bytecode": []}
}
