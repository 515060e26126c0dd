package lock

import (
	"errors"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Check reports with fault.LockDrift whether l was made for something else
// than m: every difference that can be told without resolving again, joined.
func Check(m *manifest.Manifest, l *Lock) error {
	var problems []error
	failf := func(format string, args ...any) {
		problems = append(problems, fault.New(fault.LockDrift, format, args...).
			Hint("run `lockforge lock %s` and review the diff", m.Path))
	}
	if m.CLI.Version != l.CLIVersion {
		failf("checking lock: made for CLI version %s, the manifest asks for %s", l.CLIVersion, m.CLI.Version)
	}
	var locked []string
	for _, p := range l.Platforms {
		locked = append(locked, p.Platform)
	}
	slices.Sort(locked)
	if wanted := slices.Sorted(slices.Values(m.Platforms)); !slices.Equal(wanted, locked) {
		failf("checking lock: made for platforms %s, the manifest asks for %s", strings.Join(locked, ", "), strings.Join(wanted, ", "))
	}
	if digest := m.Digest(); digest != l.Manifest {
		failf("checking lock: the manifest has changed since it was locked (%s then, %s now)", l.Manifest, digest)
	}
	return errors.Join(problems...)
}
