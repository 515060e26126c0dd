package lockforge.config.user_test

import data.lockforge.config.user as rule

with_user(user) := {"config": {"user": user}}

test_pass if {
	rule.ready with input as with_user("1000")
	count(rule.deny) == 0 with input as with_user("1000")
	count(rule.deny) == 0 with input as with_user("1000:1000")
}

test_deny if {
	every user in ["", "0", "root", "0:1000", "1000:0", "datahub", "01", "1000 "] {
		count(rule.deny) == 1 with input as with_user(user)
	}
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"config": null}
}
