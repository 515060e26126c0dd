package lockforge.layers.layers_test

import data.lockforge.layers.layers as rule

facts(n, budget) := {"layers": [{"index": i} | some i in numbers.range(1, n)], "expect": {"layers": budget}}

test_pass if {
	rule.ready with input as facts(48, 48)
	count(rule.deny) == 0 with input as facts(48, 48)
}

test_deny if {
	some finding in rule.deny with input as facts(49, 48)
	finding.evidence == "49 layers, budget 48"
}

test_missing_input if {
	not rule.ready with input as {"layers": [{"index": 0}]}
	not rule.ready with input as {"layers": [], "expect": {"layers": 48}}
}
