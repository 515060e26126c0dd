# METADATA
# title: Helpers
# description: What several rules share. A package without an id is a library and holds no rule.
package lockforge.lib

# list holds for a JSON array with at least one element: facts that were really collected.
list(x) if {
	is_array(x)
	count(x) > 0
}

# text holds for a string that says something.
text(x) if {
	is_string(x)
	x != ""
}

# within holds when path is dir itself or lies below it.
within(path, dir) if path == dir

within(path, dir) if startswith(path, concat("", [dir, "/"]))

# state holds for paths that the image leaves to the executor: /tmp and its state directory.
state(path) if {
	some dir in input.expect.writable
	within(path, dir)
}

# tools_collected holds when programs were looked for. Python is one, so an image without any was not
# read, while one without tools is what we hope for.
tools_collected if {
	list(input.programs)
	is_array(input.tools)
}

tool_finding(tool) := {
	"msg": sprintf("%s %s is in the image", [tool.kind, tool.name]),
	"path": tool.path,
	"layer": tool.layer,
	"evidence": sprintf("found by %s", [tool.by]),
}

# reasons gives why the manifest admits a program, and nothing where it does not: git also stands for git-remote-https.
reasons(name) := {entry.reason |
	some entry in input.allow
	text(entry.reason)
	admits(entry.program, name)
}

admits(program, name) if program == name

admits(program, name) if startswith(name, concat("", [program, "-"]))
