package cli

import (
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

func (a *app) initCommand() *cobra.Command {
	var o manifest.Options
	var from manifestFlags
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented manifest, from flags or from upstream's variables",
		Long: `Write a commented manifest to FILE, or to standard output. A file that exists
is never overwritten.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			content, err := a.initialManifest(cmd, o, from)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				_, err := a.process.Stdout.Write(content)
				return err
			}
			return writeNew(args[0], content)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.CLIVersion, "cli-version", "", "DataHub CLI release")
	flags.StringSliceVar(&o.Plugins, "plugins", nil, "plugins to bundle")
	flags.BoolVar(&o.Slim, "slim", false, "slim extras where the release has them")
	flags.StringVar(&o.Name, "name", "", "name of the image")
	flags.StringVar(&o.Suite, "suite", "", "Debian suite of the base")
	flags.StringSliceVar(&o.Platforms, "platform", nil, "platforms of the image")
	flags.BoolVar(&from.fromEnv, "from-env", false, "read upstream's variables from the environment")
	flags.StringArrayVar(&from.buildArgs, "build-arg", nil, "set one of upstream's variables, KEY=VALUE; repeatable")
	return cmd
}

func (a *app) initialManifest(cmd *cobra.Command, o manifest.Options, from manifestFlags) ([]byte, error) {
	if !from.fromEnv && len(from.buildArgs) == 0 {
		return manifest.Init(o)
	}
	m, _, err := a.loadManifest(cmd, nil, from)
	if err != nil {
		return nil, err
	}
	return manifest.InitFrom(m, "")
}

func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fault.New(fault.Usage, "writing %s: it is already there", path)
	}
	if err != nil {
		return fault.Wrap(fault.Usage, err, "writing the manifest")
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return fault.Wrap(fault.Internal, err, "writing %s", path)
	}
	return f.Close()
}
