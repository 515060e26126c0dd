package cli

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/policy"
)

// loadPolicies returns the rules that lockforge carries, and those of dir.
func loadPolicies(dir string) (*policy.Set, error) {
	if dir == "" {
		return policy.Embedded()
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, fault.New(fault.Usage, "policy directory %s is not there", dir)
	}
	return policy.Load(os.DirFS(dir))
}

func (a *app) policyCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{Use: "policy", Short: "List and explain the rules that images are judged by"}
	cmd.PersistentFlags().StringVar(&dir, "policy", "", "directory of further rules")
	cmd.AddCommand(
		&cobra.Command{
			Use:   "list",
			Short: "List the rules",
			Args:  exactArgs(),
			RunE: func(*cobra.Command, []string) error {
				set, err := loadPolicies(dir)
				if err != nil {
					return err
				}
				return a.print(set.Rules(), func(w io.Writer) {
					t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
					for _, r := range set.Rules() {
						fmt.Fprintf(t, "%s\t%s\t%s\n", r.ID, r.Severity, r.Title)
					}
					t.Flush()
				})
			},
		},
		&cobra.Command{
			Use:   "explain ID",
			Short: "Print the page of a rule",
			Args:  exactArgs("ID"),
			RunE: func(_ *cobra.Command, args []string) error {
				set, err := loadPolicies(dir)
				if err != nil {
					return err
				}
				for _, r := range set.Rules() {
					if r.ID == args[0] {
						return a.print(r, func(w io.Writer) { fmt.Fprint(w, r.Page) })
					}
				}
				return fault.New(fault.Usage, "no rule %q", args[0]).Hint("`lockforge policy list` lists the rules")
			},
		},
	)
	return cmd
}
