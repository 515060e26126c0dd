package facts

import (
	"testing"

	"github.com/lockforge/lockforge/builder/lock"
)

// What is recognised as an installer by its files must not be locked either:
// an image with it would be denied after it was built. The table of names for
// both is the lock's.
func TestInstallersByModuleAreInTheLocksTable(t *testing.T) {
	for module, name := range toolModules {
		if _, ok := lock.Installer(name); !ok && name != "distutils" { // of the standard library, not a distribution
			t.Errorf("%s tells of %s, which the lock would ship", module, name)
		}
	}
}
