// Command unpack runs inside the build steps of an image; see builder/unpack.
package main

import (
	"os"

	"github.com/lockforge/lockforge/builder/unpack"
)

func main() {
	os.Exit(unpack.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
