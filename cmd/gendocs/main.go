// Command gendocs writes every file that is made from the code and checked in:
// the manifest's schema, the reference pages and the help text that tests
// compare with. What it writes depends on the code alone.
package main

//go:generate go run . -root ../..

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gendocs:", err)
		os.Exit(1)
	}
}

func run(args []string, stderr io.Writer) error {
	flags := flag.NewFlagSet("gendocs", flag.ContinueOnError)
	flags.SetOutput(stderr)
	root := flags.String("root", ".", "root of the repository")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil
	} else if err != nil {
		return err
	}
	files, err := generate()
	if err != nil {
		return err
	}
	return write(*root, files)
}
