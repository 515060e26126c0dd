package cli

import "github.com/spf13/cobra"

// commands lists every command in the order of help.
func (a *app) commands() []*cobra.Command {
	return []*cobra.Command{
		a.initCommand(),
		a.validateCommand(),
		a.pluginsCommand(),
		a.planCommand(),
		a.lockCommand(),
		a.fetchCommand(),
		a.buildCommand(),
		a.verifyCommand(),
		a.checkCommand(),
		a.sbomCommand(),
		a.keygenCommand(),
		a.signCommand(),
		a.attestCommand(),
		a.diffCommand(),
		a.policyCommand(),
		a.doctorCommand(),
		a.versionCommand(),
		engineCommand(),
	}
}
