package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
)

type buildFlags struct {
	manifest  manifestFlags
	network   networkFlags
	engine    engineFlags
	signing   signingFlags
	outputs   []string
	tag       string
	push      bool
	sign      bool
	checkRun  bool
	insecure  bool
	platforms []string
	policies  string
	metadata  string
	stopAfter string
}

func (a *app) buildCommand() *cobra.Command {
	var f buildFlags
	cmd := &cobra.Command{
		Use:   "build [M]",
		Short: "Build, prove and sign the image that manifest and lock describe",
		RunE: func(cmd *cobra.Command, args []string) error {
			request, err := a.buildRequest(cmd, args, f)
			if err != nil {
				return err
			}
			for _, o := range request.Outputs {
				if f.sign && o.Kind != "oci" {
					a.note("note: %s:%s carries no signature: an archive has no place for one", o.Kind, o.Path)
				}
			}
			w, stop := a.workspace(f.network)
			defer stop()
			a.engineOptions(w, f.engine)
			result, err := w.Build(cmd.Context(), request)
			stop()
			// A denied image has its findings in the metadata; of a build that
			// did not get so far, an earlier file says more.
			if f.metadata != "" && (err == nil || fault.Is(err, fault.Denied)) {
				if err := writeMetadata(f.metadata, result); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			a.noteProbes(result)
			return a.print(result, func(w io.Writer) { printBuild(w, result) })
		},
	}
	f.register(cmd)
	return cmd
}

func (f *buildFlags) register(cmd *cobra.Command) {
	f.manifest.register(cmd)
	f.network.register(cmd)
	f.engine.register(cmd)
	f.signing.register(cmd)
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.outputs, "output", "o", nil, "where the image goes: oci:DIR, tar:FILE or docker:FILE; repeatable")
	flags.StringVarP(&f.tag, "tag", "t", "", "reference of the image, registry/name:tag")
	flags.BoolVar(&f.push, "push", false, "push to the reference given by --tag: by digest, the tag last")
	flags.BoolVar(&f.sign, "sign", false, "sign the image and attach its attestations, wherever it goes")
	flags.BoolVar(&f.checkRun, "check-run", false, "run the dynamic probes of the escape suite in the image, for its test results; on this machine always: takes root and runc")
	flags.BoolVar(&f.insecure, "allow-http-registry", false, "push over plain HTTP")
	flags.StringSliceVar(&f.platforms, "platform", nil, "platforms to build (default: all of the lock)")
	flags.StringVar(&f.policies, "policy", "", "directory of further rules")
	flags.StringVar(&f.metadata, "metadata-file", "", "write digests, layers and timings as JSON to this file")
	flags.StringVar(&f.stopAfter, "stop-after", "", "stop after a stage and print what it returned: "+strings.Join(builder.Stages, ", "))
}

// buildRequest checks the flags before any work is done.
func (a *app) buildRequest(cmd *cobra.Command, args []string, f buildFlags) (builder.BuildRequest, error) {
	r := builder.BuildRequest{Platforms: f.platforms, Tag: f.tag, Push: f.push, StopAfter: f.stopAfter, Registry: image.Options{Insecure: f.insecure},
		Dynamic: []probe.Runner{dynamic.New()}, CheckRun: f.checkRun}
	var err error
	if r.Manifest, r.LockPath, err = a.loadManifest(cmd, args, f.manifest); err != nil {
		return r, err
	}
	for _, o := range f.outputs {
		output, err := builder.ParseOutput(o)
		if err != nil {
			return r, err
		}
		r.Outputs = append(r.Outputs, output)
	}
	switch {
	case f.stopAfter != "" && !slices.Contains(builder.Stages, f.stopAfter):
		return r, fault.New(fault.Usage, "unknown stage %q", f.stopAfter).Hint("stages are %s", strings.Join(builder.Stages, ", "))
	case f.push && f.tag == "":
		return r, fault.New(fault.Usage, "--push needs a reference").Hint("give one with -t registry/name:tag")
	case !f.push && len(f.outputs) == 0 && f.stopAfter == "":
		return r, fault.New(fault.Usage, "nowhere to put the image").Hint("give -o oci:DIR, -o tar:FILE, or -t REF --push")
	case f.sign && !f.push && !slices.ContainsFunc(r.Outputs, func(o builder.Output) bool { return o.Kind == "oci" }):
		return r, fault.New(fault.Usage, "nothing that can carry a signature is written").Hint("a signature goes to a registry (--push) or a layout (-o oci:DIR)")
	}
	if r.Policies, err = loadPolicies(f.policies); err != nil {
		return r, err
	}
	if f.sign {
		r.Signer, err = a.signer(cmd.Context(), f.signing)
	}
	return r, err
}

// noteProbes names the probes that failed: the policy accepts the image, and
// whoever requires these probes will not.
func (a *app) noteProbes(r *builder.BuildResult) {
	for _, p := range r.Platforms {
		for _, t := range p.Tests {
			if t.Status == attest.TestFailed {
				a.note("note: %s failed for %s; lockforge check shows why", t.Name, p.Platform)
			}
		}
	}
}

func writeMetadata(path string, result *builder.BuildResult) error {
	content, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing %s", path)
	}
	if err := os.WriteFile(path, append(content, '\n'), 0o644); err != nil {
		return fault.Wrap(fault.Usage, err, "writing the metadata file")
	}
	return nil
}

// printBuild prints the digest, which is what scripts want, and for people
// what it stands for.
func printBuild(w io.Writer, r *builder.BuildResult) {
	if r.Value != nil {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(r.Value)
		return
	}
	if r.Reference != "" {
		fmt.Fprintln(w, r.Reference)
		return
	}
	fmt.Fprintln(w, r.Digest)
}
