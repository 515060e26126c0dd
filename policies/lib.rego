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

# named holds for a program with one of the names, also with a version behind it (perl5.36, gcc-12)
# or a target before it (x86_64-linux-gnu-gcc).
named(name, names) if name in names

named(name, names) if {
	stem := regex.replace(name, `^[a-z0-9_]+-linux-(gnu|musl)[a-z0-9]*-`, "")
	regex.replace(stem, `-?[0-9][0-9.]*$`, "") in names
}

# reasons gives why the manifest admits a program, and nothing where it does not: git also stands for git-remote-https.
reasons(name) := {entry.reason |
	some entry in input.allow
	text(entry.reason)
	admits(entry.program, name)
}

admits(program, name) if program == name

admits(program, name) if startswith(name, concat("", [program, "-"]))
