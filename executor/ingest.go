package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/lockforge/lockforge/executor/bundle"
	"github.com/lockforge/lockforge/executor/logs"
	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
)

// runRecipe is `executor run`: whatever is wrong with plugin, recipe or
// secrets ends it before a child starts.
func (p Process) runRecipe(ctx context.Context, args []string) int {
	o, err := parseRun(args)
	if err != nil {
		return p.wrong("%v", err)
	}
	venv, sources, err := p.find(o.plugin)
	if err != nil {
		return p.wrong("%v", err)
	}
	document, err := p.readRecipe(o, sources)
	if err != nil {
		return p.wrong("%v", err)
	}
	secrets, err := p.secrets(ctx, o, document)
	if err != nil {
		return p.wrong("%v", err)
	}
	log, err := p.openLog(o, secrets)
	if err != nil {
		return p.wrong("%v", err)
	}
	if err := task.Supervise(ctx); err != nil {
		return p.wrong("becoming the parent of orphans: %v", err)
	}
	start := time.Now()
	end := task.Run(ctx, task.Spec{
		Argv:    []string{venv.Python, "-I", venv.CLI, "ingest", "run", "-c", "-"},
		Env:     p.Env,
		Stdin:   strings.NewReader(envelope(document, secrets)),
		Stdout:  log.Stream(),
		Stderr:  log.Stream(),
		Timeout: o.timeout,
		Grace:   o.grace,
		Drain:   time.Second,
		Sandbox: o.controls(),
	})
	if err := errors.Join(log.Close(), p.writeRecord(o, end, time.Since(start))); err != nil {
		fmt.Fprintf(p.Stderr, "error: %v\n", err)
		if end.Code == exitOK {
			return exitInternal
		}
	}
	return end.Code
}

// find returns the plugin's venv and the source types that it runs.
func (p Process) find(plugin string) (bundle.Venv, []string, error) {
	root := p.venvPath()
	venv, err := bundle.Find(root, plugin)
	metadata, metadataErr := bundle.Metadata(root)
	if errors.Is(err, bundle.ErrNotBundled) && metadataErr == nil {
		err = fmt.Errorf("%w; bundled are: %s", err, strings.Join(metadata.BundledPlugins, ", "))
	}
	if err == nil {
		err = metadataErr
	}
	return venv, recipe.Names(metadata, plugin), err
}

// readRecipe parses the recipe once and judges it. What it returns is the
// canonical form, the only one that Python sees.
func (p Process) readRecipe(o runOptions, allowed []string) ([]byte, error) {
	in := p.Stdin
	if o.config != "-" {
		f, err := os.Open(o.config)
		if err != nil {
			return nil, fmt.Errorf("opening the recipe: %w", err)
		}
		defer f.Close()
		in = f
	}
	parsed, err := recipe.Parse(in)
	if err != nil {
		return nil, err
	}
	policy, err := recipe.DefaultPolicy()
	if o.policy != "" {
		policy, err = recipe.LoadPolicy(o.policy)
	}
	if err != nil {
		return nil, err
	}
	if verdict := policy.Check(parsed, allowed...); !verdict.Allowed() {
		return nil, errors.New(verdict.String())
	}
	return parsed.Canonical(), nil
}

// secrets resolves the ${NAME}s of a recipe: from the mounted files, which
// overrule them, and the variables that the operator named.
func (p Process) secrets(ctx context.Context, o runOptions, document []byte) (map[string]string, error) {
	references, err := secret.References(document)
	if err != nil {
		return nil, err
	}
	stores := []secret.Store{secret.Env{Environ: p.Env, Allow: o.secretEnv}}
	if _, err := os.Stat(o.secretDir); err == nil {
		stores = append(stores, secret.Dir{Path: o.secretDir})
	}
	resolved, err := secret.Resolver{Stores: stores}.Resolve(ctx, references)
	if err != nil {
		return nil, fmt.Errorf("%w; give them in --secret-dir, or name variables with --secret-env", err)
	}
	return resolved.Values, nil
}

// openLog makes what the child writes to: its lines go on to standard output,
// clean, masked and cut, and into the log file if there is one.
func (p Process) openLog(o runOptions, secrets map[string]string) (*logs.Log, error) {
	masker, err := mask.New(secrets, logs.Clean)
	if err != nil {
		return nil, err
	}
	return logs.Open(logs.Options{
		Mask: func(w io.Writer) io.WriteCloser { return masker.Writer(w) },
		Path: o.logFile,
		Echo: p.Stdout,
	})
}

// envelope is what `datahub ingest run -c -` of CLI 1.5.0.15 and later reads
// from standard input: it keeps recipe and secrets off the disk, the command
// line and the environment.
func envelope(document []byte, secrets map[string]string) string {
	// Two strings and a map of strings: encoding them cannot fail.
	text, _ := json.Marshal(map[string]any{"__recipe_yaml__": string(document), "__secrets__": secrets})
	return string(text)
}

// endRecord is written once per run, so that "never ran" can be told from
// every way of having run.
type endRecord struct {
	task.End
	Plugin     string `json:"plugin"`
	DurationMS int64  `json:"durationMs"`
}

func (p Process) writeRecord(o runOptions, end task.End, took time.Duration) error {
	line, err := json.Marshal(endRecord{End: end, Plugin: o.plugin, DurationMS: took.Milliseconds()})
	if err != nil {
		return fmt.Errorf("writing the end record: %w", err)
	}
	line = append(line, '\n')
	if o.record == "" {
		_, err = p.Stderr.Write(line)
		return err
	}
	return os.WriteFile(o.record, line, 0o600)
}
