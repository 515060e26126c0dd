package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/lock"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff A.lock B.lock",
		Short: "List what differs between two locks",
		Args:  exactArgs("A.lock", "B.lock"),
		RunE: func(_ *cobra.Command, args []string) error {
			before, err := lock.Read(args[0])
			if err != nil {
				return err
			}
			after, err := lock.Read(args[1])
			if err != nil {
				return err
			}
			changes := lock.Diff(before, after)
			return a.print(changes, func(w io.Writer) {
				for _, c := range changes {
					fmt.Fprintln(w, c)
				}
			})
		},
	}
}
