// Package cli is the command line: one file per command, which turns flags
// into a request, calls the builder and prints the result. No logic lives here.
package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/progress"
)

// Process is what a command sees of its own process. Args leaves out the
// program's name.
type Process struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run executes one command and returns the exit code of the process.
func Run(ctx context.Context, p Process) int {
	a := &app{process: p}
	root := a.root()
	root.SetArgs(p.Args)
	root.SetIn(p.Stdin)
	root.SetOut(p.Stdout)
	root.SetErr(p.Stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		return report(ctx, p.Stderr, a.usage(err))
	}
	return a.exitCode
}

// app is the state that the commands share: the process and the global flags.
type app struct {
	process  Process
	format   string
	quiet    bool
	progress string
	cacheDir string
	// started says that the command line was understood and a command runs.
	started bool
	// exitCode is set by a command whose result, without being an error, is a
	// refusal: a denied image or a lock that has drifted.
	exitCode int
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "lockforge",
		Short:         "Build locked, signed DataHub ingestion images",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.checkGlobalFlags(strings.Fields(cmd.Annotations[furtherFormats]))
		},
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	// Help follows the order of the work, as commands lists it.
	cobra.EnableCommandSorting = false
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fault.Wrap(fault.Usage, err, "reading flags").Hint("see `%s --help`", cmd.CommandPath())
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.format, "format", "text", "output format: text or json")
	flags.BoolVarP(&a.quiet, "quiet", "q", false, "print results and errors only")
	flags.StringVar(&a.progress, "progress", "auto", "progress: auto, tty, plain or none")
	flags.StringVar(&a.cacheDir, "cache-dir", "", "content store and build state (default $XDG_CACHE_HOME/lockforge)")
	root.AddCommand(a.commands()...)
	a.trackStart(root)
	return root
}

// furtherFormats is the annotation of a command that lists the output formats
// it knows besides text and json.
const furtherFormats = "formats"

func (a *app) checkGlobalFlags(further []string) error {
	if formats := append([]string{"text", "json"}, further...); !slices.Contains(formats, a.format) {
		return fault.New(fault.Usage, "unknown format %q", a.format).Hint("use --format %s", strings.Join(formats, " or --format "))
	}
	switch a.progress {
	case "auto", "tty", "plain", "none":
	default:
		return fault.New(fault.Usage, "unknown progress mode %q", a.progress).Hint("use auto, tty, plain or none")
	}
	if a.quiet {
		a.progress = "none"
	}
	if a.cacheDir == "" {
		a.cacheDir = a.defaultCacheDir()
	}
	dir, err := filepath.Abs(a.cacheDir)
	if err != nil {
		return fault.Wrap(fault.Usage, err, "finding the cache directory %s", a.cacheDir)
	}
	a.cacheDir = dir
	return nil
}

func (a *app) defaultCacheDir() string {
	if dir := a.getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "lockforge")
	}
	if home := a.getenv("HOME"); home != "" {
		return filepath.Join(home, ".cache", "lockforge")
	}
	return filepath.Join(os.TempDir(), "lockforge")
}

func (a *app) getenv(name string) string {
	for _, variable := range a.process.Env {
		if key, value, ok := strings.Cut(variable, "="); ok && key == name {
			return value
		}
	}
	return ""
}

// showProgress starts the progress display on standard error.
func (a *app) showProgress() (progress.Sink, func()) {
	return newProgress(a.progress, a.process.Stderr)
}

// print writes a result to standard output: as indented JSON, or as text says.
func (a *app) print(value any, text func(w io.Writer)) error {
	if a.format == "json" {
		encoder := json.NewEncoder(a.process.Stdout)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(value)
	}
	text(a.process.Stdout)
	return nil
}

// note tells the user something on standard error, unless asked to be quiet.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		fmt.Fprintf(a.process.Stderr, format+"\n", args...)
	}
}

// exactArgs refuses another number of arguments with a usage error.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fault.New(fault.Usage, "want %d argument(s) (%s), got %d", len(names), strings.Join(names, " "), len(args)).
			Hint("see `%s --help`", cmd.CommandPath())
	}
}
