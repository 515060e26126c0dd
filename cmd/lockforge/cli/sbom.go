package cli

import (
	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/image"
)

func (a *app) sbomCommand() *cobra.Command {
	var f trustFlags
	request := builder.SBOMRequest{}
	cmd := &cobra.Command{
		Use:   "sbom REF",
		Short: "Print an image's SBOM, attested or made from its bytes",
		Long: `Print the SBOM of an image in a registry or a layout (oci:DIR). With a key or
an identity it is the attested document, after its signature was checked;
without, it is made from the image's bytes.`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Ref, request.Trust, request.Image = args[0], f.trust, image.Options{Insecure: f.insecure}
			document, err := builder.SBOM(cmd.Context(), request)
			if err != nil {
				return err
			}
			_, err = a.process.Stdout.Write(append(document, '\n'))
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&request.Form, "as", "spdx", "form: spdx (2.3) or cyclonedx (1.6)")
	cmd.Flags().StringVar(&request.Platform, "platform", "", "platform, where the image has several")
	return cmd
}
