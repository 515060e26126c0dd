package lock

// installers are the distributions that can put further code into an
// environment. None of them is shipped, whoever declares it.
var installers = map[string]string{
	"build":       "builds packages",
	"conda":       "installs packages",
	"distribute":  "installs packages",
	"ensurepip":   "installs packages",
	"flit":        "installs packages",
	"hatch":       "installs packages",
	"installer":   "installs wheels",
	"mamba":       "installs packages",
	"micropipenv": "installs packages",
	"pdm":         "installs packages",
	"pip":         "installs packages",
	"pip-tools":   "installs packages",
	"pipenv":      "installs packages",
	"pipx":        "installs packages",
	"poetry":      "installs packages",
	"rye":         "installs packages",
	"setuptools":  "builds and installs packages",
	"uv":          "installs packages",
	"virtualenv":  "makes environments with pip in them",
	"wheel":       "unpacks and packs wheels",
}

// Installer reports whether a distribution (normalised name) is one that can
// install further code, and says in a few words what it does.
func Installer(name string) (what string, ok bool) {
	what, ok = installers[name]
	return what, ok
}
