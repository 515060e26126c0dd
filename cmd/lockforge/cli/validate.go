package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func (a *app) validateCommand() *cobra.Command {
	var from manifestFlags
	cmd := &cobra.Command{
		Use:   "validate [M]",
		Short: "Report every problem of a manifest, with its place",
		RunE: func(cmd *cobra.Command, args []string) error {
			m, _, err := a.loadManifest(cmd, args, from)
			if err != nil {
				return err
			}
			result := struct {
				Valid  bool   `json:"valid"`
				Digest string `json:"digest"`
			}{true, m.Digest()}
			return a.print(result, func(w io.Writer) { fmt.Fprintf(w, "valid, %s\n", result.Digest) })
		},
	}
	from.register(cmd)
	return cmd
}
