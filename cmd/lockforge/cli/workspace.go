package cli

import (
	"os"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder"
	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/index"
)

// networkFlags override where files come from.
type networkFlags struct {
	defaultIndex string
}

func (f *networkFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.defaultIndex, "default-index", "", "Python package index, instead of the manifest's or the configured one")
}

// engineFlags select the BuildKit that builds.
type engineFlags struct {
	builder.EngineOptions
}

func (f *engineFlags) register(cmd *cobra.Command) {
	f.registerAddress(cmd, "BuildKit to use instead of the embedded one (default $BUILDKIT_HOST)")
	cmd.Flags().StringVar(&f.Runc, "runc", "", "OCI runtime of the embedded BuildKit (default: runc on PATH)")
}

// registerAddress adds the flags of a BuildKit elsewhere, with what that is for.
func (f *engineFlags) registerAddress(cmd *cobra.Command, usage string) {
	flags := cmd.Flags()
	flags.StringVar(&f.Address, "buildkit-addr", "", usage)
	flags.StringVar(&f.CA, "tlscacert", "", "authority that signed the certificate of a BuildKit at tcp://")
	flags.StringVar(&f.Cert, "tlscert", "", "client certificate for it")
	flags.StringVar(&f.Key, "tlskey", "", "key of the client certificate")
	flags.StringVar(&f.ServerName, "tlsservername", "", "name in its certificate, where it is not the address")
}

// workspace collects what the builder needs to know of this process. stop ends
// the progress display and must be called before results are printed.
func (a *app) workspace(net networkFlags) (w *builder.Workspace, stop func()) {
	sink, stop := a.showProgress()
	return &builder.Workspace{
		CacheDir: a.cacheDir,
		Index: index.Env{
			DefaultIndex: net.defaultIndex,
			Getenv:       a.getenv,
			Home:         a.getenv("HOME"),
			ReadFile:     os.ReadFile,
			UV:           a.findUV(),
		},
		HostRoot: "/",
		Engine:   builder.EngineOptions{Self: []string{selfPath(), engine.Subcommand}},
		Progress: sink,
		Now:      time.Now,
	}, stop
}

func (a *app) engineOptions(w *builder.Workspace, f engineFlags) {
	self := w.Engine.Self
	w.Engine = f.EngineOptions
	w.Engine.Self = self
	if w.Engine.Address == "" {
		w.Engine.Address = a.getenv("BUILDKIT_HOST")
	}
}

// findUV returns the uv to use: LOCKFORGE_UV, else the one on PATH, else "".
func (a *app) findUV() string {
	if path := a.getenv("LOCKFORGE_UV"); path != "" {
		return path
	}
	path, err := exec.LookPath("uv")
	if err != nil {
		return ""
	}
	return path
}

// selfPath is this program, by a name that outlives its file being replaced.
func selfPath() string { return "/proc/self/exe" }
