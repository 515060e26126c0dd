package ingestion

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/logs"
	"github.com/lockforge/lockforge/executor/mask"
	"github.com/lockforge/lockforge/executor/recipe"
	"github.com/lockforge/lockforge/executor/secret"
	"github.com/lockforge/lockforge/executor/task"
)

// Judge refuses a recipe that may not run in a venv.
func Judge(r *recipe.Recipe, p *recipe.Policy, v Venv) error {
	if verdict := p.Check(r, v.Sources...); !verdict.Allowed() {
		return refuse(Forbidden, "%s", strings.TrimSpace(verdict.String()))
	}
	return nil
}

// Known returns the variables that a child has and a recipe may refer to: what
// it gets of the executor's environment, see task.Environment, and what is set
// besides. Those whose value depends on the run are not among them.
func Known(environ, set []string) map[string]string {
	known := map[string]string{}
	for _, variable := range slices.Concat(task.Environment(environ, ""), set) {
		if name, value, ok := strings.Cut(variable, "="); ok {
			known[name] = value
		}
	}
	delete(known, "HOME")
	delete(known, "TMPDIR")
	return known
}

// Resolve finds the values of the secrets that a recipe names. known are the
// variables that the child has anyway, whose names are no secrets.
func Resolve(ctx context.Context, r *recipe.Recipe, known map[string]string, resolver secret.Resolver) (*secret.Resolved, error) {
	references, err := secret.References(r.Canonical())
	if err != nil {
		return nil, &Error{Kind: BadRecipe, Err: err}
	}
	var unknown []secret.Reference
	for _, reference := range references {
		if reserved(reference.Name) {
			return nil, refuse(Forbidden, "the recipe refers to ${%s}, which is the executor's own", reference.Name)
		}
		if _, ok := known[reference.Name]; !ok {
			unknown = append(unknown, reference)
		}
	}
	resolved, err := resolver.Resolve(ctx, unknown)
	if err != nil {
		return nil, &Error{Kind: Secrets, Err: err}
	}
	return resolved, nil
}

// NewMasker makes the masker of a run's secrets. A run whose secrets cannot be
// masked must not start.
func NewMasker(secrets map[string]string) (*mask.Masker, error) {
	hidden := parts(secrets)
	maps.Copy(hidden, secrets)
	masker, err := mask.New(hidden, logs.Clean)
	if err != nil {
		return nil, &Error{Kind: Secrets, Err: err}
	}
	return masker, nil
}

// OpenLog opens a log in which nothing is readable that the masker knows. o.Mask
// is set by it.
func OpenLog(o logs.Options, masker *mask.Masker) (*logs.Log, error) {
	o.Mask = func(w io.Writer) io.WriteCloser { return masker.Writer(w) }
	log, err := logs.Open(o)
	if err != nil {
		return nil, &Error{Kind: Local, Err: err}
	}
	return log, nil
}

// Child is one call of the DataHub CLI.
type Child struct {
	Venv    Venv
	Recipe  *recipe.Recipe
	Secrets map[string]string // what the recipe names
	// Known are the variables that the child has and its recipe may name.
	Known map[string]string
	Test  bool   // only test the source's connection
	Debug bool   // have the CLI say more
	Path  string // for the structured report; "" is the CLI's own way
}

// Argv is the command line: nothing in it comes from a request.
func (c Child) Argv() []string {
	argv := []string{c.Venv.Python, "-I", c.Venv.CLI}
	if c.Debug {
		argv = append(argv, "--debug")
	}
	if c.Test {
		argv = append(argv, "ingest", "-c", "-", "--test-source-connection")
	} else {
		argv = append(argv, "ingest", "run", "-c", "-")
	}
	if c.Path != "" {
		argv = append(argv, "--report-to", c.Path)
	}
	return argv
}

// maxSubstituted bounds a recipe with values in it, in bytes: one large secret
// could be named in it thousands of times.
const maxSubstituted = 64 << 20

// Stdin is what the CLI reads: the recipe with the secrets beside it, or, for
// one that does not know of that yet, with their values in it.
func (c Child) Stdin() (io.Reader, error) {
	if !c.Venv.before(releaseEnvelope) {
		// Two strings and a map of strings: encoding them cannot fail.
		text, _ := json.Marshal(map[string]any{"__recipe_yaml__": string(c.Recipe.Canonical()), "__secrets__": c.Secrets})
		return strings.NewReader(string(text)), nil
	}
	values := maps.Clone(c.Known)
	if values == nil {
		values = map[string]string{}
	}
	maps.Copy(values, c.Secrets)
	total := 0
	substituted, err := c.Recipe.Map(func(text string) (string, error) {
		text, err := secret.Expand(text, values)
		if total += len(text); err == nil && total > maxSubstituted {
			err = fmt.Errorf("%w: with the values in it, the recipe has more than %d bytes", secret.ErrValue, maxSubstituted)
		}
		return text, err
	})
	if err != nil {
		return nil, &Error{Kind: Secrets, Err: err}
	}
	return strings.NewReader(string(substituted.Canonical())), nil
}
