package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/plan"
)

func (a *app) planCommand() *cobra.Command {
	var from manifestFlags
	var net networkFlags
	cmd := &cobra.Command{
		Use:   "plan [M]",
		Short: "Explain what would be locked and built, without doing it",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, _, err := a.loadManifest(cmd, args, from)
			if err != nil {
				return err
			}
			w, stop := a.workspace(net)
			defer stop()
			p, err := w.Plan(cmd.Context(), m)
			if err != nil {
				return err
			}
			return a.print(p, func(w io.Writer) { printPlan(w, p) })
		},
	}
	from.register(cmd)
	net.register(cmd)
	return cmd
}

func printPlan(out io.Writer, p *plan.Plan) {
	fmt.Fprintf(out, "DataHub CLI %s, Python %s, slim mode %t\n", p.CLIVersion, p.Python, p.Slim)
	fmt.Fprintf(out, "venvs in %s for %s\n\n", p.VenvPath, strings.Join(p.Platforms, ", "))
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "VENV\tPLUGINS\tALSO AS\tEXTRAS")
	for _, v := range p.Venvs {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", v.Dir, list(v.Plugins), list(v.Links), list(v.Extras))
	}
	fmt.Fprintln(w, "\nOS PACKAGE\tNEEDED BY")
	for _, o := range p.OSPackages {
		fmt.Fprintf(w, "%s\t%s\n", o.Name, list(o.NeededBy))
	}
	if len(p.OSPackages) == 0 {
		fmt.Fprintln(w, "none besides the base\t")
	}
	fmt.Fprintln(w, "\nINDEX\tADDRESS\tFROM")
	for _, i := range p.Indexes {
		fmt.Fprintf(w, "%s\t%s\t%s\n", i.Name, i.URL, i.From)
	}
	w.Flush()
}

func list(items []string) string {
	if len(items) == 0 {
		return "-"
	}
	return strings.Join(items, ",")
}
