package lockforge.config.entrypoint_test

import data.lockforge.config.entrypoint as rule

start(argv) := {"config": {"entrypoint": argv}}

test_pass if {
	rule.ready with input as start(["/opt/datahub/bin/executor"])
	count(rule.deny) == 0 with input as start(["/opt/datahub/bin/executor"])
}

test_deny if {
	some finding in rule.deny with input as start(["/bin/sh", "-c", "executor"])
	finding.msg == "the entry point runs through a shell"
}

test_deny_none if {
	count(rule.deny) == 1 with input as start([])
}

test_deny_relative if {
	count(rule.deny) == 1 with input as start(["executor"])
}

test_deny_health_shell if {
	facts := {"config": {"entrypoint": ["/opt/datahub/bin/executor"], "healthcheck": ["CMD-SHELL", "true"]}}
	count(rule.deny) == 1 with input as facts
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"config": {"entrypoint": null}}
}
