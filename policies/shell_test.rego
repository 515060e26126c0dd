package lockforge.content.shell_test

import data.lockforge.content.shell as rule

python := {"name": "python3.13", "path": "/usr/bin/python3.13", "layer": 1, "kind": "elf"}

bad := {"name": "bash", "path": "/usr/bin/bash", "layer": 0, "kind": "elf"}

test_pass if {
	rule.ready with input as {"programs": [python]}
	count(rule.deny) == 0 with input as {"programs": [python]}
}

test_deny if {
	some finding in rule.deny with input as {"programs": [python, bad]}
	finding.path == "/usr/bin/bash"
	finding.layer == 0
}

test_deny_variant if {
	variant := object.union(bad, {"name": "perl5.36.0"})
	count(rule.deny) == 1 with input as {"programs": [python, variant]}
}

test_allowed_by_manifest if {
	facts := {"programs": [python, bad], "allow": [{"program": "bash", "reason": "needed by a connector"}]}
	count(rule.deny) == 0 with input as facts
	rule.allowed == {{"what": "/usr/bin/bash", "reason": "needed by a connector"}} with input as facts
}

test_allowed_needs_a_reason if {
	facts := {"programs": [python, bad], "allow": [{"program": "bash", "reason": ""}]}
	count(rule.deny) == 1 with input as facts
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"programs": []}
	not rule.ready with input as {"programs": null}
}
