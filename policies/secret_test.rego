package lockforge.config.secret_test

import data.lockforge.config.secret as rule

facts(env, labels, history) := {"config": {"env": env, "labels": labels, "history": history}}

test_pass if {
	good := facts(["PATH=/usr/bin", "PIP_INDEX_URL=http://127.0.0.1:1/simple", "API_TOKEN="], {"version": "1"}, ["os"])
	rule.ready with input as good
	count(rule.deny) == 0 with input as good
}

test_deny if {
	some finding in rule.deny with input as facts(["DATAHUB_GMS_TOKEN=abcdef"], {}, [])
	finding.evidence == "variable DATAHUB_GMS_TOKEN"
	not contains(json.marshal(finding), "abcdef")
}

test_deny_address_in_label if {
	count(rule.deny) == 1 with input as facts([], {"source": "http://user:pw@mirror.example/simple"}, [])
}

test_deny_key_in_history if {
	count(rule.deny) == 1 with input as facts([], {}, ["-----BEGIN PRIVATE KEY-----"])
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"config": {"env": []}}
}
