package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/lockforge/lockforge/executor/ingestion"
	"github.com/lockforge/lockforge/executor/logs"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/sandbox"
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
	child, err := p.child(ctx, o)
	if err != nil {
		return p.wrong("%v", err)
	}
	masker, err := ingestion.NewMasker(child.Secrets)
	if err != nil {
		return p.wrong("%v", err)
	}
	log, err := ingestion.OpenLog(logs.Options{Path: o.logFile, Echo: p.Stdout}, masker)
	if err != nil {
		return p.wrong("%v", err)
	}
	stdin, err := child.Stdin()
	if err != nil {
		return p.wrong("%v", err)
	}
	if err := task.Supervise(ctx); err != nil {
		return p.wrong("becoming the parent of orphans: %v", err)
	}
	scratch, err := scratchDir()
	if err != nil {
		return p.wrong("%v", err)
	}
	controls := o.controls(scratch)
	sandbox.Bind(controls)
	start := time.Now()
	end := task.Run(ctx, task.Spec{
		Argv:    child.Argv(),
		Env:     p.Env,
		Stdin:   stdin,
		Stdout:  log.Stream(),
		Stderr:  log.Stream(),
		Parent:  scratch,
		Timeout: o.timeout,
		Grace:   o.grace,
		Drain:   time.Second,
		Sandbox: controls,
	})
	if err := errors.Join(log.Close(), p.writeRecord(o, end, time.Since(start))); err != nil {
		fmt.Fprintf(p.Stderr, "error: %v\n", err)
		if end.Code == exitOK {
			return exitInternal
		}
	}
	return end.Code
}

// child finds the plugin's venv, judges the recipe and resolves the ${NAME}s
// in it.
func (p Process) child(ctx context.Context, o runOptions) (ingestion.Child, error) {
	var child ingestion.Child
	var err error
	if child.Venv, err = ingestion.FindVenv(p.venvPath(), o.plugin); err != nil {
		return child, err
	}
	if child.Recipe, err = p.readRecipe(o); err != nil {
		return child, err
	}
	policy, err := recipe.DefaultPolicy()
	if o.policy != "" {
		policy, err = recipe.LoadPolicy(o.policy)
	}
	if err != nil {
		return child, err
	}
	if err := ingestion.Judge(child.Recipe, policy, child.Venv); err != nil {
		return child, err
	}
	child.Known = ingestion.Known(p.Env, nil)
	resolved, err := ingestion.Resolve(ctx, child.Recipe, child.Known, secret.Resolver{Stores: p.stores(o)})
	if slices.Contains(ingestion.KindsOf(err), ingestion.Secrets) {
		return child, fmt.Errorf("%w; give values in --secret-dir, or name variables with --secret-env", err)
	}
	if err != nil {
		return child, err
	}
	child.Secrets = resolved.Values
	with, own, err := p.server().AddSink(ctx, child.Recipe, "")
	child.Recipe = with
	maps.Copy(child.Secrets, own)
	return child, err
}

// server is the DataHub that a recipe without a sink writes to: the one of the
// environment, as for the CLI itself, but with its token out of it.
func (p Process) server() *ingestion.GMS {
	url, _ := lookup(p.Env, "DATAHUB_GMS_URL")
	if url == "" {
		return nil
	}
	id, _ := lookup(p.Env, "DATAHUB_SYSTEM_CLIENT_ID")
	secret, _ := lookup(p.Env, "DATAHUB_SYSTEM_CLIENT_SECRET")
	header := ""
	if token, _ := lookup(p.Env, "DATAHUB_GMS_TOKEN"); token != "" {
		header = "Bearer " + token
	} else if id != "" && secret != "" {
		header = "Basic " + id + ":" + secret
	}
	return &ingestion.GMS{URL: url, Authorization: func(context.Context) (string, error) { return header, nil }}
}

func (p Process) readRecipe(o runOptions) (*recipe.Recipe, error) {
	if o.config == "-" {
		return recipe.Parse(p.Stdin)
	}
	f, err := os.Open(o.config)
	if err != nil {
		return nil, fmt.Errorf("opening the recipe: %w", err)
	}
	defer f.Close()
	return recipe.Parse(f)
}

// stores are the variables that the operator named, and the mounted files,
// which overrule them.
func (p Process) stores(o runOptions) []secret.Store {
	stores := []secret.Store{secret.Env{Environ: p.Env, Allow: o.secretEnv}}
	if _, err := os.Stat(o.secretDir); err == nil {
		stores = append(stores, secret.Dir{Path: o.secretDir})
	}
	return stores
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
