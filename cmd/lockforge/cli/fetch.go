package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
)

func (a *app) fetchCommand() *cobra.Command {
	var from manifestFlags
	var net networkFlags
	cmd := &cobra.Command{
		Use:   "fetch [M]",
		Short: "Fill the content store from the lock, nothing else",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, path, err := a.loadManifest(cmd, args, from)
			if err != nil {
				return err
			}
			l, err := builder.CheckLock(m, path)
			if err != nil {
				return err
			}
			w, stop := a.workspace(net)
			defer stop()
			result, err := w.Fetch(cmd.Context(), m, l)
			if err != nil {
				return err
			}
			stop()
			return a.print(result, func(w io.Writer) {
				fmt.Fprintf(w, "%d files, %s; %d fetched\n", result.Files, megabytes(result.Bytes), result.Fetched)
			})
		},
	}
	from.register(cmd)
	net.register(cmd)
	return cmd
}
