package lockforge.layers.whiteout_test

import data.lockforge.layers.whiteout as rule

test_pass if {
	rule.ready with input as {"whiteouts": []}
	count(rule.deny) == 0 with input as {"whiteouts": []}
}

test_deny if {
	some finding in rule.deny with input as {"whiteouts": [{"path": "/usr/bin/.wh.pip", "layer": 7}]}
	finding.layer == 7
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"whiteouts": null}
}
