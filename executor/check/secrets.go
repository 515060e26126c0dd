package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/secret"
)

// probe is a name that stores are asked for; it need not exist.
const probe = "EXECUTOR_CHECK"

var fixStores = map[string]string{
	"file":    "mount a directory with one file per secret there, or set DATAHUB_EXECUTOR_FILE_SECRET_BASEDIR, or take file out of LOCKFORGE_EXECUTOR_SECRET_STORES",
	"datahub": "use the system client's credentials, which the server lets decrypt, or take datahub out of LOCKFORGE_EXECUTOR_SECRET_STORES",
	"aws-sm":  "give the executor's role secretsmanager:GetSecretValue and BatchGetSecretValue, and a way to the endpoint of the region",
	"gcp-sm":  "give the executor's account the role Secret Manager Secret Accessor, and a way to the endpoint",
}

// secrets asks every store whether it can answer.
func (in Inputs) secrets(ctx context.Context) (f Findings) {
	if len(in.Stores) == 0 {
		f.warn(Configuration, "set LOCKFORGE_EXECUTOR_SECRET_STORES", "no store is configured: a recipe with a ${NAME} fails")
	}
	for _, store := range in.Stores {
		if err := ask(ctx, store); err != nil {
			f.fail(Environment, fixStores[store.ID()], "store %s: %v", store.ID(), err)
			continue
		}
		f.note("%s answers", store.ID())
	}
	if slices.ContainsFunc(in.Stores, func(s secret.Store) bool { return s.ID() == "env" }) {
		in.variables(&f)
	}
	return f
}

// ask prefers the store's own check.
func ask(ctx context.Context, store secret.Store) error {
	switch checked := store.(type) {
	case interface{ Check() error }:
		return checked.Check()
	case interface{ Check(context.Context) error }:
		return checked.Check(ctx)
	default:
		_, err := store.Values(ctx, []string{probe})
		return err
	}
}

// variables looks for those that recipes may name.
func (in Inputs) variables(f *Findings) {
	var missing []string
	for _, name := range in.Config.Secrets.Env {
		beginning, family := strings.CutSuffix(name, "*")
		if !slices.ContainsFunc(in.Environ, func(variable string) bool {
			return strings.HasPrefix(variable, name+"=") || family && strings.HasPrefix(variable, beginning)
		}) {
			missing = append(missing, name)
		}
	}
	switch {
	case len(in.Config.Secrets.Env) == 0:
		f.note("no variable is a secret of recipes: LOCKFORGE_EXECUTOR_SECRET_ENV names none")
	case len(missing) > 0:
		f.warn(Configuration, "set them, or take them out of LOCKFORGE_EXECUTOR_SECRET_ENV", "variables that recipes may name are not set: %s", fmt.Sprint(strings.Join(missing, ", ")))
	}
}
