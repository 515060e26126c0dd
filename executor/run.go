package executor

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/health"
	"github.com/lockforge/lockforge/executor/task"
)

// Exit codes of the executor's own process, where it is not a child's.
const (
	exitOK       = 0
	exitInternal = 1
	exitUsage    = 2
)

// recipeLimit bounds a recipe, in bytes.
const recipeLimit = 10 << 20

const usage = `executor runs DataHub ingestion in the bundled venvs of this image.

  executor run --plugin P [--config FILE|-]  run one recipe
  executor plugins                           list the bundled plugins
  executor health FILE                       take a worker's heartbeat
  executor version                           say what this image was built from

executor run:
  --plugin P         source type whose bundled venv runs the recipe
  --config FILE      recipe, YAML or JSON; "-" (the default) is standard input
  --secret-env NAME  give the recipe's ${NAME} the value of this variable; it
                     travels over the child's standard input only; repeatable
  --timeout D        end the run after D, such as 2h30m; 0 (the default) is never
  --grace D          time between SIGTERM and SIGKILL (default 10s)
  --end-record FILE  write the JSON end record there instead of to standard error

Exit code: the child's own; 128+n when it died of signal n; 125 when it never
started; 2 for wrong usage or a plugin that is not bundled.
`

// Process is what a command sees of its own process. Args[0] is the name it
// was called by: the image links upstream's names to this program.
type Process struct {
	Args           []string
	Env            []string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run executes one command and returns the exit code.
func Run(ctx context.Context, p Process) int {
	args := p.Args[1:]
	if filepath.Base(p.Args[0]) == filepath.Base(contract.HealthLink) {
		args = append([]string{"health"}, args...)
	}
	if len(args) == 0 {
		fmt.Fprint(p.Stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		return p.runRecipe(ctx, args[1:])
	case "plugins":
		return p.printPlugins()
	case "health":
		return p.checkHealth(args[1:])
	case "version":
		return p.printVersion()
	case "help", "-h", "--help":
		fmt.Fprint(p.Stdout, usage)
		return exitOK
	default:
		return p.wrong("unknown command %q; see `executor help`", args[0])
	}
}

func (p Process) runRecipe(ctx context.Context, args []string) int {
	o, err := parseRun(args)
	if err != nil {
		return p.wrong("%v", err)
	}
	root := p.venvPath()
	venv, err := bundle.Find(root, o.plugin)
	if errors.Is(err, bundle.ErrNotBundled) {
		if m, metadataErr := bundle.Metadata(root); metadataErr == nil {
			err = fmt.Errorf("%w; bundled are: %s", err, strings.Join(m.BundledPlugins, ", "))
		}
	}
	if err != nil {
		return p.wrong("%v", err)
	}
	input, err := p.input(o)
	if err != nil {
		return p.wrong("%v", err)
	}
	start := time.Now()
	end := task.Run(ctx, task.Spec{
		Argv:    []string{venv.Python, "-I", venv.CLI, "ingest", "run", "-c", "-"},
		Env:     p.Env,
		Stdin:   strings.NewReader(input),
		Stdout:  p.Stdout,
		Stderr:  p.Stderr,
		Timeout: o.timeout,
		Grace:   o.grace,
		Drain:   time.Second,
	})
	if err := p.record(o, end, time.Since(start)); err != nil {
		fmt.Fprintf(p.Stderr, "error: writing the end record: %v\n", err)
		if end.Code == exitOK {
			return exitInternal
		}
	}
	return end.Code
}

type runOptions struct {
	plugin, config, endRecord string
	secretEnv                 names
	timeout, grace            time.Duration
}

type names []string

func (n *names) String() string     { return strings.Join(*n, ",") }
func (n *names) Set(s string) error { *n = append(*n, s); return nil }

func parseRun(args []string) (runOptions, error) {
	var o runOptions
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.plugin, "plugin", "", "")
	flags.StringVar(&o.config, "config", "-", "")
	flags.Var(&o.secretEnv, "secret-env", "")
	flags.DurationVar(&o.timeout, "timeout", 0, "")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "")
	flags.StringVar(&o.endRecord, "end-record", "", "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.plugin == "":
		return o, errors.New("--plugin is missing")
	case o.timeout < 0 || o.grace < 0:
		return o, errors.New("--timeout and --grace must not be negative")
	}
	return o, nil
}

// input returns what the child reads from standard input: the envelope of
// `datahub ingest run -c -` (CLI 1.5.0.15 and later), which keeps recipe and
// secrets off the disk, the command line and the environment.
func (p Process) input(o runOptions) (string, error) {
	recipe, err := p.recipe(o.config)
	if err != nil {
		return "", err
	}
	secrets := map[string]string{}
	for _, name := range o.secretEnv {
		value, ok := lookup(p.Env, name)
		if !ok {
			return "", fmt.Errorf("--secret-env %s: the variable is not set", name)
		}
		secrets[name] = value
	}
	envelope, err := json.Marshal(map[string]any{
		"__recipe_yaml__": string(recipe),
		"__secrets__":     secrets,
	})
	return string(envelope), err
}

func (p Process) recipe(config string) ([]byte, error) {
	in := p.Stdin
	if config != "-" {
		f, err := os.Open(config)
		if err != nil {
			return nil, fmt.Errorf("opening the recipe: %w", err)
		}
		defer f.Close()
		in = f
	}
	recipe, err := io.ReadAll(io.LimitReader(in, recipeLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("reading the recipe: %w", err)
	case len(recipe) > recipeLimit:
		return nil, fmt.Errorf("the recipe is larger than %d bytes", recipeLimit)
	case len(strings.TrimSpace(string(recipe))) == 0:
		return nil, errors.New("the recipe is empty")
	}
	return recipe, nil
}

// endRecord is written once per run, so that "never ran" can be told from
// every way of having run.
type endRecord struct {
	task.End
	Plugin     string `json:"plugin"`
	DurationMS int64  `json:"durationMs"`
}

func (p Process) record(o runOptions, end task.End, took time.Duration) error {
	line, err := json.Marshal(endRecord{End: end, Plugin: o.plugin, DurationMS: took.Milliseconds()})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if o.endRecord == "" {
		_, err = p.Stderr.Write(line)
		return err
	}
	return os.WriteFile(o.endRecord, line, 0o600)
}

func (p Process) printPlugins() int {
	m, err := bundle.Metadata(p.venvPath())
	if err != nil {
		return p.wrong("%v", err)
	}
	for _, plugin := range m.BundledPlugins {
		fmt.Fprintln(p.Stdout, plugin)
	}
	return exitOK
}

func (p Process) checkHealth(args []string) int {
	if len(args) != 1 {
		return p.wrong("want one heartbeat file, got %d arguments", len(args))
	}
	if err := health.Take(args[0]); err != nil {
		fmt.Fprintf(p.Stdout, "FAIL: %v\n", err)
		return exitInternal
	}
	fmt.Fprintln(p.Stdout, "OK")
	return exitOK
}

func (p Process) printVersion() int {
	info, err := bundle.BuildInfo(contract.BuildInfoPath)
	if err != nil {
		return p.wrong("%v", err)
	}
	fmt.Fprintf(p.Stdout, "%s %s, DataHub CLI %s, Python %s\nmanifest %s\nlock %s\n",
		info.Tool, info.ToolVersion, info.CLIVersion, info.Python, info.ManifestDigest, info.LockDigest)
	return exitOK
}

func (p Process) venvPath() string {
	if path, ok := lookup(p.Env, contract.EnvVenvPath); ok && path != "" {
		return path
	}
	return contract.DefaultVenvPath
}

func (p Process) wrong(format string, args ...any) int {
	fmt.Fprintf(p.Stderr, "error: "+format+"\n", args...)
	return exitUsage
}

func lookup(environ []string, name string) (string, bool) {
	for _, variable := range environ {
		if key, value, ok := strings.Cut(variable, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}
