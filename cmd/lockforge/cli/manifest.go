package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// manifestFlags say where a manifest comes from: a file (YAML or variables),
// or upstream's variables in the environment, and where its lock is.
type manifestFlags struct {
	buildArgs []string
	fromEnv   bool
	lock      string
}

func (f *manifestFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.buildArgs, "build-arg", nil, "set one of upstream's variables, KEY=VALUE; repeatable")
	flags.BoolVar(&f.fromEnv, "from-env", false, "read upstream's variables from the environment instead of a manifest file")
	flags.StringVar(&f.lock, "lock", "", "lock file (default: the manifest's path with .lock)")
}

// load reads the manifest that the arguments and flags name.
func (a *app) loadManifest(cmd *cobra.Command, args []string, f manifestFlags) (m *manifest.Manifest, lockPath string, err error) {
	variables, err := manifest.BuildArgs(f.buildArgs)
	if err != nil {
		return nil, "", err
	}
	withoutFile := f.fromEnv || len(args) == 0 && len(variables) > 0
	switch {
	case withoutFile && len(args) > 0:
		return nil, "", fault.New(fault.Usage, "--from-env takes no manifest file, got %s", args[0])
	case withoutFile:
		if f.fromEnv {
			variables = append(manifest.Environment(a.process.Env), variables...)
		}
		m, err = manifest.FromVariables(variables, "")
	case len(args) == 1:
		m, err = manifest.Load(manifest.Disk{}, args[0], variables...)
	default:
		return nil, "", fault.New(fault.Usage, "want one manifest, got %d arguments", len(args)).
			Hint("see `%s --help`", cmd.CommandPath())
	}
	if err != nil {
		return nil, "", err
	}
	return m, lockPathOf(args, f), nil
}

func lockPathOf(args []string, f manifestFlags) string {
	switch {
	case f.lock != "":
		return f.lock
	case len(args) == 1:
		return args[0] + ".lock"
	default:
		return "lockforge.lock"
	}
}
