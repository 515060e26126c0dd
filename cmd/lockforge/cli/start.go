package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
)

// trackStart makes every command note that it runs: what fails before is the
// command line's fault, whoever reports it. Commands that only hold others
// refuse arguments, which cobra would take without a word.
func (a *app) trackStart(cmd *cobra.Command) {
	if cmd.RunE == nil {
		cmd.Args = cobra.NoArgs
		cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.started = true
		return run(cmd, args)
	}
	for _, sub := range cmd.Commands() {
		a.trackStart(sub)
	}
}

// usage turns an error of cobra's into one of ours.
func (a *app) usage(err error) error {
	if a.started || fault.KindOf(err) != fault.Internal {
		return err
	}
	return fault.Wrap(fault.Usage, err, "reading the command line").Hint("see `lockforge --help`")
}
