package lock

import (
	"maps"
	"slices"
)

// installers are the distributions that can put further code into an
// environment, the backends that build wheels included. None of them is
// shipped, whoever declares it, and none may be found in an image: facts and
// with them the policy go by this table too.
var installers = map[string]string{
	"build":       "builds packages",
	"conda":       "installs packages",
	"distlib":     "installs wheels",
	"distribute":  "installs packages",
	"ensurepip":   "installs packages",
	"flit":        "installs packages",
	"flit-core":   "builds wheels",
	"hatch":       "installs packages",
	"hatchling":   "builds wheels",
	"installer":   "installs wheels",
	"mamba":       "installs packages",
	"micropipenv": "installs packages",
	"pdm":         "installs packages",
	"pex":         "makes environments",
	"pip":         "installs packages",
	"pip-tools":   "installs packages",
	"pipenv":      "installs packages",
	"pipx":        "installs packages",
	"poetry":      "installs packages",
	"poetry-core": "builds wheels",
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

// Installers lists the names that Installer knows, sorted.
func Installers() []string { return slices.Sorted(maps.Keys(installers)) }
