package lockforge.content.downloader_test

import data.lockforge.content.downloader as rule

programs := [{"name": "python3.13", "path": "/usr/bin/python3.13", "layer": 1, "kind": "elf"}]

tool(kind) := {"name": "git", "path": "/usr/bin/git", "layer": 0, "kind": kind, "by": "name"}

facts(tools) := {"programs": programs, "tools": tools, "allow": []}

test_pass if {
	rule.ready with input as facts([])
	count(rule.deny) == 0 with input as facts([])
	count(rule.deny) == 0 with input as facts([tool("shell")])
}

test_deny if {
	every kind in ["downloader", "archiver"] {
		some finding in rule.deny with input as facts([tool(kind)])
		finding.path == "/usr/bin/git"
		finding.layer == 0
	}
}

test_allowed_by_manifest if {
	admitted := object.union(facts([tool("downloader")]), {"allow": [{"program": "git", "reason": "needed by a connector"}]})
	count(rule.deny) == 0 with input as admitted
	rule.allowed == {{"what": "/usr/bin/git", "reason": "needed by a connector"}} with input as admitted
}

test_allowed_covers_helpers if {
	helper := object.union(tool("downloader"), {"name": "git-helper"})
	admitted := object.union(facts([helper]), {"allow": [{"program": "git", "reason": "needed by a connector"}]})
	count(rule.deny) == 0 with input as admitted
}

test_allowed_needs_a_reason if {
	unexplained := object.union(facts([tool("downloader")]), {"allow": [{"program": "git", "reason": ""}]})
	count(rule.deny) == 1 with input as unexplained
}

test_missing_input if {
	not rule.ready with input as {"programs": programs}
	not rule.ready with input as {"tools": []}
	not rule.ready with input as {"programs": [], "tools": []}
}
