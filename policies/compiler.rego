# METADATA
# title: No compiler or debugger
# description: No program that makes, links or debugs native code exists in any layer.
# custom:
#   id: LF004-compiler
#   severity: high
#   fix: drop the OS package that brings it, or admit it under allow with a reason
package lockforge.content.compiler

import data.lockforge.lib

names := {"as", "c++", "cargo", "cc", "clang", "clang++", "cmake", "cpp", "g++", "gas", "gcc", "gdb", "gfortran", "go", "ld", "lld", "ltrace", "make", "ninja", "objcopy", "rustc", "strace", "tcc"}

ready if lib.list(input.programs)

deny contains finding if {
	some program in input.programs
	lib.named(program.name, names)
	count(lib.reasons(program.name)) == 0
	finding := {
		"msg": sprintf("compiler %s is in the image", [program.name]),
		"path": program.path,
		"layer": program.layer,
		"evidence": program.kind,
	}
}

allowed contains entry if {
	some program in input.programs
	lib.named(program.name, names)
	some reason in lib.reasons(program.name)
	entry := {"what": program.path, "reason": reason}
}
