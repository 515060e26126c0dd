package cli

import (
	"io"

	"github.com/spf13/cobra"
)

// Command returns the command tree for those who describe it. To run a
// command, use Run.
func Command() *cobra.Command {
	a := &app{process: Process{Stdout: io.Discard, Stderr: io.Discard}}
	return a.root()
}
