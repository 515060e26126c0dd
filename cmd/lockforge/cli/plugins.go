package cli

import (
	"cmp"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/catalog"
	"github.com/lockforge/lockforge/builder/manifest"
)

func (a *app) pluginsCommand() *cobra.Command {
	var net networkFlags
	var version, suite string
	cmd := &cobra.Command{
		Use:   "plugins --cli-version V",
		Short: "List the plugins that a CLI release offers",
		Args:  exactArgs(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, stop := a.workspace(net)
			defer stop()
			plugins, err := w.Plugins(cmd.Context(), version, suite)
			if err != nil {
				return err
			}
			stop()
			return a.print(plugins, func(out io.Writer) { printPlugins(out, plugins) })
		},
	}
	net.register(cmd)
	cmd.Flags().StringVar(&version, "cli-version", "", "DataHub CLI release")
	cmd.Flags().StringVar(&suite, "suite", manifest.DefaultSuite, "Debian suite of the base")
	_ = cmd.MarkFlagRequired("cli-version")
	return cmd
}

func printPlugins(out io.Writer, plugins []catalog.Offer) {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PLUGIN\tEXTRA\tSLIM\tOS PACKAGES\tPLATFORMS")
	for _, p := range plugins {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Plugin, cmp.Or(p.Extra, "-"), cmp.Or(p.Slim, "-"), list(p.OSPackages), list(p.Platforms))
	}
	w.Flush()
}
