package lockforge.content.installer_test

import data.lockforge.content.installer as rule

facts(tools) := {
	"programs": [{"name": "python3.13", "path": "/usr/bin/python3.13", "layer": 1, "kind": "elf"}],
	"distributions": [{"name": "pyyaml", "version": "6.0.3", "path": "/opt/datahub/store/x", "layer": 2, "kind": "dist-info"}],
	"tools": tools,
}

tool(kind, by) := {"name": "pip", "path": "/opt/datahub/store/x/pip", "layer": 2, "kind": kind, "by": by}

test_pass if {
	rule.ready with input as facts([])
	count(rule.deny) == 0 with input as facts([])
	count(rule.deny) == 0 with input as facts([tool("shell", "name")])
}

test_deny if {
	every by in ["name", "content", "module", "metadata", "archive"] {
		some finding in rule.deny with input as facts([tool("installer", by)])
		finding.path == "/opt/datahub/store/x/pip"
	}
}

test_deny_despite_allow if {
	admitted := object.union(facts([tool("installer", "name")]), {"allow": [{"program": "pip", "reason": "wanted"}]})
	count(rule.deny) == 1 with input as admitted
}

test_missing_input if {
	not rule.ready with input as object.remove(facts([]), {"tools"})
	not rule.ready with input as object.remove(facts([]), {"programs"})
	not rule.ready with input as object.remove(facts([]), {"distributions"})
}
