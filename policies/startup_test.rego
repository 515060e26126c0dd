package lockforge.python.startup_test

import data.lockforge.python.startup as rule

pth := {"path": "/opt/datahub/store/ibm-db-3.2.6-0123456789ab/ibm_db_dll.pth", "layer": 4, "kind": "pth", "sha256": "aa"}

reviewed := {"wheel": "ibm_db-3.2.6.whl", "file": "ibm_db_dll.pth", "sha256": "aa", "reason": "adds the driver's directory"}

test_pass if {
	rule.ready with input as {"startup": []}
	count(rule.deny) == 0 with input as {"startup": []}
}

test_pass_reviewed if {
	facts := {"startup": [pth], "reviewed": [reviewed]}
	count(rule.deny) == 0 with input as facts
	rule.allowed == {{"what": pth.path, "reason": "adds the driver's directory"}} with input as facts
}

test_deny if {
	some finding in rule.deny with input as {"startup": [pth], "reviewed": []}
	finding.path == pth.path
}

test_deny_other_bytes if {
	other := object.union(pth, {"sha256": "bb"})
	count(rule.deny) == 1 with input as {"startup": [other], "reviewed": [reviewed]}
}

test_deny_other_name if {
	other := object.union(pth, {"path": "/usr/lib/python3/evil.pth"})
	count(rule.deny) == 1 with input as {"startup": [other], "reviewed": [reviewed]}
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"startup": null}
}
