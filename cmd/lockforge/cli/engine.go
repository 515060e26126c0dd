package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/engine"
)

// engineCommand is the embedded BuildKit, which lockforge starts as a process
// of its own.
func engineCommand() *cobra.Command {
	return &cobra.Command{
		Use:    engine.Subcommand,
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return engine.Serve(cmd.Context(), args)
		},
	}
}
