package cli

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
	"github.com/lockforge/lockforge/builder/verify"
)

// trustFlags are spelled as cosign spells them.
type trustFlags struct {
	trust    attest.TrustOptions
	insecure bool
}

func (f *trustFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.trust.Key, "key", "", "public key: a file or a KMS URI")
	flags.StringVar(&f.trust.Identity, "certificate-identity", "", "identity that must have signed")
	flags.StringVar(&f.trust.Issuer, "certificate-oidc-issuer", "", "issuer that must have vouched for the identity")
	flags.StringVar(&f.trust.TrustedRoot, "trusted-root", "", "sigstore trusted root of keyless signatures")
	flags.BoolVar(&f.insecure, "allow-http-registry", false, "read over plain HTTP")
}

func (a *app) verifyCommand() *cobra.Command {
	var f trustFlags
	var policies, summary string
	var required []string
	cmd := &cobra.Command{
		Use:   "verify REF",
		Short: "Check signature, provenance, SBOM, contents and policy of an image",
		Long: `Check an image in a registry, or in a layout (oci:DIR). With a key no network
besides the registry is needed. The exit code says what is wrong: 32 the
signature, 31 the contents, 30 the policy, or a test that has not passed.

--require-probes demands that every probe of a tier of the escape suite passed
according to the signed test results; those that the image's bytes answer are
asked again. A probe that was not run has not passed.

--summary writes what came of it as an unsigned in-toto statement, a SLSA
verification summary; lockforge attest signs it.`,
		Args: exactArgs("REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			set, err := loadPolicies(policies)
			if err != nil {
				return err
			}
			tiers, err := probe.ParseTiers(required)
			if err != nil {
				return err
			}
			report, err := verify.Run(cmd.Context(), verify.Request{
				Ref:     args[0],
				Trust:   f.trust,
				Policy:  set,
				Image:   image.Options{Insecure: f.insecure},
				Require: tiers,
				Dynamic: dynamic.New().Probes(),
			})
			if report != nil && summary != "" {
				if err := writeSummary(summary, report); err != nil {
					return err
				}
			}
			if report != nil {
				if printErr := a.print(report, func(w io.Writer) { _ = report.Text(w) }); printErr != nil {
					return printErr
				}
			}
			return err
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&policies, "policy", "", "directory of further rules")
	flags.StringSliceVar(&required, "require-probes", nil, "tiers of which every probe must have passed, such as I,X")
	flags.StringVar(&summary, "summary", "", "write a verification summary to this file, also where verification fails")
	return cmd
}

func writeSummary(path string, report *verify.Report) error {
	s, err := report.Summary(time.Now(), builder.Version)
	if err != nil {
		return err
	}
	return writeStatements(path, []attest.Statement{s})
}
