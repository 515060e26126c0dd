package venv

import (
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/wheel"
)

// Rule leaves members of wheels out of the image.
type Rule struct {
	ID     string
	Reason string
	// matches is given the installation scheme of a .data member ("" for others)
	// and the path where an installer would put the member.
	matches func(w *wheel.Wheel, scheme, path string) bool
}

// Rules are all rules, in the order in which they are tried.
var Rules = []Rule{
	{"bytecode", "shipped bytecode may not fit its source; ours is compiled in the build",
		func(_ *wheel.Wheel, _, path string) bool {
			return slices.Contains(strings.Split(path, "/"), cacheDir)
		}},
	{"scripts", "an image runs the executor and datahub, no other command",
		func(_ *wheel.Wheel, scheme, _ string) bool { return scheme == "scripts" }},
	{"headers", "an image holds no compiler that could use C headers",
		func(_ *wheel.Wheel, scheme, _ string) bool { return scheme == "headers" }},
	{"docs", "manual pages and documentation outside of the package",
		func(_ *wheel.Wheel, scheme, path string) bool {
			return scheme == "data" && hasPrefix(path, "share/man/", "share/doc/", "share/info/", "man/")
		}},
	{"build-leftovers", "a top-level tmp directory is what the wheel's build left behind",
		func(_ *wheel.Wheel, scheme, path string) bool { return scheme != "data" && hasPrefix(path, "tmp/") }},
	{"numpy-distutils", "numpy's build system, with an installer inside",
		func(w *wheel.Wheel, scheme, path string) bool {
			return w.Name == "numpy" && scheme != "data" && hasPrefix(path, "numpy/distutils/")
		}},
}

// drops returns the rule that leaves a member out, or "".
func drops(w *wheel.Wheel, scheme, path string) string {
	for _, rule := range Rules {
		if rule.matches(w, scheme, path) {
			return rule.ID
		}
	}
	return ""
}

func hasPrefix(path string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}
