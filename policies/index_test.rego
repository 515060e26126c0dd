package lockforge.config.index_test

import data.lockforge.config.index as rule

env := [
		"PIP_INDEX_URL=http://127.0.0.1:1/simple",
		"PIP_EXTRA_INDEX_URL=",
		"PIP_FIND_LINKS=",
		"UV_INDEX_URL=http://127.0.0.1:1/simple",
		"UV_DEFAULT_INDEX=http://127.0.0.1:1/simple",
		"UV_EXTRA_INDEX_URL=",
		"UV_INDEX=",
		"UV_FIND_LINKS=",
		"INGESTION_DEPENDENCY_RESOLUTION_ENABLED=false",
	]

files := {"/etc/pip.conf": "[global]\nindex-url = http://127.0.0.1:1/simple\n", "/etc/uv/uv.toml": "[[index]]\nurl = \"http://127.0.0.1:1/simple\"\ndefault = true\n"}

facts(environment, indexes) := {"config": {"env": environment}, "indexFiles": indexes}

without(name) := [pair | some pair in env; not startswith(pair, concat("", [name, "="]))]

test_pass if {
	rule.ready with input as facts(env, files)
	count(rule.deny) == 0 with input as facts(env, files)
}

test_deny if {
	some finding in rule.deny with input as facts(without("UV_INDEX"), files)
	finding.evidence == "UV_INDEX"
}

test_deny_empty_default if {
	changed := array.concat(without("UV_DEFAULT_INDEX"), ["UV_DEFAULT_INDEX="])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_other_address if {
	changed := array.concat(without("PIP_INDEX_URL"), ["PIP_INDEX_URL=http://mirror.example/simple"])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_second_value if {
	changed := array.concat(env, ["PIP_INDEX_URL=http://mirror.example/simple"])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_extra_source if {
	changed := array.concat(without("PIP_EXTRA_INDEX_URL"), ["PIP_EXTRA_INDEX_URL=http://mirror.example/simple"])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_unknown_knob if {
	changed := array.concat(env, ["UV_PYTHON_INSTALL_MIRROR=http://mirror.example/python"])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_resolution_on if {
	changed := array.concat(without("INGESTION_DEPENDENCY_RESOLUTION_ENABLED"), ["INGESTION_DEPENDENCY_RESOLUTION_ENABLED=true"])
	count(rule.deny) == 1 with input as facts(changed, files)
}

test_deny_missing_file if {
	count(rule.deny) == 1 with input as facts(env, object.remove(files, {"/etc/pip.conf"}))
}

test_deny_address_in_file if {
	changed := object.union(files, {"/etc/pip.conf": concat("", [files["/etc/pip.conf"], "extra-index-url = http://mirror.example/simple\n"])})
	count(rule.deny) == 1 with input as facts(env, changed)
}

test_missing_input if {
	not rule.ready with input as {"config": {"env": env}}
	not rule.ready with input as {"config": {"env": []}, "indexFiles": files}
	not rule.ready with input as {"indexFiles": files}
}
