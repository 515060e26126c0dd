// Package early makes the program that imports it a trampoline of package
// sandbox before most other packages of the program are initialised. Those
// take several times as long as the trampoline itself, for every run, and have
// no part in it.
//
// Go initialises packages in the order of their paths, as soon as what they
// import is ready: package sandbox imports little, so that this one comes
// before all that need the network.
package early

import (
	"os"

	"github.com/lockforge/lockforge/executor/sandbox"
)

func init() {
	if len(os.Args) > 1 && os.Args[1] == sandbox.Subcommand {
		os.Exit(sandbox.Main(os.Args[2:]))
	}
}
