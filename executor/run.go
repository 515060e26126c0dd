package executor

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/contract"
	"github.com/lockforge/lockforge/executor/health"
)

// Exit codes of the executor's own process, where it is not a child's.
const (
	exitOK       = 0
	exitInternal = 1
	exitUsage    = 2
	// exitAuthentication: the server does not let the executor in.
	exitAuthentication = 3
)

const usage = `executor runs DataHub ingestion in the bundled venvs of this image.

  executor serve [--config FILE]             take runs from DataHub, until SIGTERM
  executor check [--config FILE]             say whether it could, and what is wrong
  executor run --plugin P [--config FILE|-]  run one recipe
  executor plugins                           list the bundled plugins
  executor health FILE                       take a worker's heartbeat
  executor audit verify PATH...              check an audit trail
  executor journal repair [--config FILE]    go on without what is damaged in it
  executor version                           say what this image was built from

executor run:
  --plugin P            source type whose bundled venv runs the recipe
  --config FILE         recipe, YAML or JSON; "-" (the default) is standard input
  --recipe-policy FILE  what recipes may ask for (default: built in)
  --secret-dir DIR      files whose names are those of ${NAME}s in the recipe
                        (default /mnt/secrets, where it exists)
  --secret-env NAME     give ${NAME} the value of this variable; repeatable
  --write DIR           directory that the child may write; repeatable
  --sandbox MODE        prefer (the default) what the kernel offers, require it, or off
  --jit                 let the child compile at run time, as a JVM does
  --memory SIZE         bound of the child's memory, such as 4GiB
  --timeout D           end the run after D, such as 2h30m; 0 (the default) is never
  --grace D             time between SIGTERM and SIGKILL (default 10s)
  --log-file FILE       keep the whole output there, rotated
  --end-record FILE     write the JSON end record there instead of to standard error

Secrets travel over the child's standard input only, and are masked in its
output. A recipe without a sink writes to $DATAHUB_GMS_URL, with the token of
$DATAHUB_GMS_TOKEN or as the system client.

executor serve and check:
  --config FILE         YAML; variables overrule it (docs/reference/executor.md)
  --format FORMAT       of check: text (the default) or json
Exit code: 0 drained, or nothing is wrong; 2 for the configuration; 3 for the
credentials; 1 for anything else.

executor audit verify:
  --head NUMBER:HASH    the end that the trail had, or a part of it
  --partial             the first files are not there

Exit code of executor run: the child's own; 128+n when it died of signal n; 125 when it never
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
	switch name := filepath.Base(p.Args[0]); {
	case name == filepath.Base(contract.HealthLink):
		args = append([]string{"health"}, args...)
	case name == filepath.Base(contract.StartLink) && len(args) == 0:
		args = []string{"serve"}
	}
	if len(args) == 0 {
		fmt.Fprint(p.Stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		return p.runRecipe(ctx, args[1:])
	case "serve":
		return p.serve(ctx, args[1:])
	case "check":
		return p.check(ctx, args[1:])
	case "journal":
		return p.journalState(args[1:])
	case "audit":
		return p.auditTrail(args[1:])
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
