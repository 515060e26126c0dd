package cli

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
)

func (a *app) checkCommand() *cobra.Command {
	request := builder.CheckRequest{}
	var minimums []string
	var insecure, run bool
	var engine engineFlags
	var statement string
	cmd := &cobra.Command{
		Use:   "check REF",
		Short: "Put any image to the escape suite and grade how locked it is",
		Long: `Put an image to the escape suite and grade how locked it is, also an image
that lockforge did not build. REF is an image in a registry, a layout (oci:DIR)
or an archive (docker-archive:FILE, tar:FILE). The bytes of every layer are
read, also what higher layers hide; --run tries attacks in it besides, with
--buildkit-addr those of tier I, at that BuildKit. Each finding names layer,
path, evidence and fix; besides text and json, --format knows sarif and junit.
The exit code is 30 where a minimum is required and not reached, and 31 where
the image's bytes are not what they say: such an image has no score.

--statement writes the results as unsigned in-toto statements, one per platform;
lockforge attest signs them, and lockforge verify --require-probes goes by them.`,
		Example:     "lockforge check registry.example/team/executor:1 --min I=100",
		Args:        exactArgs("REF"),
		Annotations: map[string]string{furtherFormats: "sarif junit"},
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, text := range minimums {
				m, err := probe.ParseMinimum(text)
				if err != nil {
					return err
				}
				request.Minimums = append(request.Minimums, m)
			}
			dynamic, stop, err := engine.probes(cmd.Context(), run)
			if err != nil {
				return err
			}
			defer stop()
			request.Dynamic = dynamic
			sink, done := a.showProgress()
			request.Ref, request.Image, request.Progress = args[0], image.Options{Insecure: insecure}, sink
			document, err := builder.Check(cmd.Context(), request)
			done()
			if err != nil {
				return err
			}
			if len(document.Unreached) > 0 {
				a.exitCode = fault.Denied.ExitCode()
			}
			if statement != "" {
				if err := writeChecked(statement, document); err != nil {
					return err
				}
			}
			return a.printChecked(document)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&request.Platform, "platform", "", "platform to check (default all of the image)")
	flags.StringSliceVar(&minimums, "min", nil, "score that a tier must reach, such as I=100; repeatable")
	flags.BoolVar(&run, "run", false, "also attack the image from inside, on this machine with root and runc, or at --buildkit-addr")
	engine.registerAddress(cmd, "BuildKit to attack the image at, without root and runc here: probes of tier I only")
	flags.StringVar(&statement, "statement", "", "write the results to this file as in-toto statements")
	flags.BoolVar(&insecure, "allow-http-registry", false, "read over plain HTTP")
	return cmd
}

// probes returns what --run asks for, and where. BUILDKIT_HOST is not looked at:
// at a BuildKit, fewer probes run.
func (f *engineFlags) probes(ctx context.Context, run bool) (all []probe.Runner, stop func(), err error) {
	switch {
	case !run && f.Address != "":
		return nil, nil, fault.New(fault.Usage, "nothing to do for BuildKit at %s", f.Address).Hint("add --run to attack the image there")
	case !run:
		return nil, func() {}, nil
	case f.Address == "":
		return []probe.Runner{dynamic.New()}, func() {}, nil
	}
	r, stop, err := builder.RemoteProbes(ctx, f.EngineOptions)
	return []probe.Runner{r}, stop, err
}

func writeChecked(path string, d *probe.Document) error {
	statements, err := builder.CheckStatements(d)
	if err != nil {
		return err
	}
	return writeStatements(path, statements)
}

// printChecked writes the document in the form that was asked for.
func (a *app) printChecked(d *probe.Document) error {
	switch a.format {
	case "sarif":
		return d.SARIF(a.process.Stdout, builder.Version)
	case "junit":
		return d.JUnit(a.process.Stdout)
	}
	var written error
	if err := a.print(d, func(w io.Writer) { written = d.Text(w) }); err != nil {
		return err
	}
	return written
}
