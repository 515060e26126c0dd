package check

import (
	"context"
	"errors"
	"strings"

	"github.com/lockforge/lockforge/executor/config"
	"github.com/lockforge/lockforge/executor/recipe"
)

func (in Inputs) configuration(context.Context) (f Findings) {
	var wrong *config.Error
	switch {
	case errors.As(in.Err, &wrong):
		for _, p := range wrong.Problems {
			f.fail(Configuration, "docs/reference has every variable, its form and its default", "%s", p)
		}
	case in.Err != nil:
		f.fail(Configuration, "", "%v", in.Err)
	}
	for _, w := range in.Warnings {
		f.warn(Configuration, "", "%s", w)
	}
	if in.Config != nil {
		f.note("pools %s, runs from %s", strings.Join(in.Config.Pools, ", "), strings.Join(in.Config.Sources, " and "))
	}
	return f
}

func (in Inputs) policy(context.Context) (f Findings) {
	file := in.Config.Recipe.Policy
	if file == "" {
		if _, err := recipe.DefaultPolicy(); err != nil {
			f.fail(Environment, "the program is damaged: take the image again", "%v", err)
		}
		f.note("built in")
		return f
	}
	if _, err := recipe.LoadPolicy(file); err != nil {
		f.fail(Configuration, "put the file right, or unset LOCKFORGE_EXECUTOR_RECIPE_POLICY for the built-in policy", "%v", err)
		return f
	}
	f.note("%s", file)
	return f
}
