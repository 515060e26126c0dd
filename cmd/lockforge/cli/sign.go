package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/attest"
)

func (a *app) signCommand() *cobra.Command {
	var f signingFlags
	o := attest.Options{Patience: attest.SigningPatience}
	cmd := &cobra.Command{
		Use:   "sign REF",
		Short: "Sign an image that is already built",
		Long: `Sign an image in a registry, or in a layout (oci:DIR), for example with another
key after promotion. What others signed or attested about it stays, and signing
twice with one key changes nothing.`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			signer, err := a.signer(cmd.Context(), f)
			if err != nil {
				return err
			}
			target, err := attest.Open(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			if err := attest.Attach(cmd.Context(), target, signer, nil); err != nil {
				return err
			}
			result := struct {
				Reference string `json:"reference"`
				Digest    string `json:"digest"`
			}{args[0], target.Digest()}
			return a.print(result, func(w io.Writer) { fmt.Fprintln(w, result.Digest) })
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.Name, "sign-container-identity", "", "what the signature calls an image in a layout (default \"image\")")
	flags.BoolVar(&o.Insecure, "allow-http-registry", false, "use plain HTTP")
	return cmd
}
