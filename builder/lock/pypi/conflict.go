package pypi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
	"golang.org/x/sync/errgroup"
)

// conflict explains why a venv does not resolve, by resolving parts of it.
// Its methods stop at the first error that is no answer, and leave it in err.
type conflict struct {
	mu     sync.Mutex // over err
	r      *resolver
	ctx    context.Context
	target target
	venv   plan.Venv
	units  []unit
	err    error
}

// try resolves requirements under constraints.
func (c *conflict) try(requirements, constraints []string) (*answer, *run) {
	if c.stopped(nil) {
		return &answer{}, nil
	}
	a, run, err := c.r.ask(c.ctx, c.target, requirements, constraints, nil)
	if err == nil && a.code != 0 {
		err = run.err()
	}
	if c.stopped(err) {
		return &answer{}, nil
	}
	return a, run
}

// stopped notes an error, and reports whether there has been one.
func (c *conflict) stopped(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	return c.err != nil
}

func (c *conflict) fails(units []unit) bool {
	a, _ := c.try(requirementsOf(c.venv, units), c.r.constraints())
	return a.code != 0
}

// explain handles a venv of several plugins.
func (c *conflict) explain() error {
	alone, err := c.tryAlone()
	if err != nil || c.stopped(nil) {
		return err
	}
	if !c.fails(c.units) {
		return fault.New(fault.Internal, "its plugins resolve together, but not as the plan asks for them")
	}
	guilty := minimal(c.units, c.fails)
	var names []string
	for _, u := range guilty {
		names = append(names, u.plugin)
	}
	text := fmt.Sprintf("plugins %s cannot share a venv", strings.Join(names, " and "))
	if disputes := c.disputes(guilty, alone); len(disputes) > 0 {
		text += ": " + strings.Join(disputes, "; ")
	}
	problem := fault.New(fault.Resolve, "%s", text).At(c.r.req.Plan.Manifest.Pos("groups." + c.venv.Label))
	if proposal := c.split(guilty); proposal != "" {
		problem = problem.Hint("%s", proposal)
	}
	return problem
}

// tryAlone resolves each plugin by itself, several at once.
func (c *conflict) tryAlone() (map[string]*answer, error) {
	answers, runs := make([]*answer, len(c.units)), make([]*run, len(c.units))
	var group errgroup.Group
	group.SetLimit(c.r.req.Jobs)
	for i, u := range c.units {
		group.Go(func() error {
			answers[i], runs[i] = c.try(requirementsOf(c.venv, []unit{u}), c.r.constraints())
			return nil
		})
	}
	group.Wait() //nolint:errcheck // c.err holds the first
	alone := map[string]*answer{}
	var problems []error
	for i, u := range c.units {
		alone[u.plugin] = answers[i]
		if answers[i].code != 0 && runs[i] != nil {
			problems = append(problems, c.explainAlone(u.plugin, requirementsOf(c.venv, []unit{u}), runs[i], answers[i]))
		}
	}
	return alone, errors.Join(problems...)
}

// split looks for plugins to take out of the group, until the rest resolves.
// Those taken out get venvs of their own, which resolve: they were tried.
func (c *conflict) split(guilty []unit) string {
	rest := c.units
	var out []string
	for len(guilty) > 0 {
		leave := guilty[len(guilty)-1]
		for _, u := range slices.Backward(guilty) {
			if !c.fails(without(rest, u)) {
				leave = u
				break
			}
		}
		rest = without(rest, leave)
		out = append(out, leave.plugin)
		guilty = nil
		if len(rest) > 1 && c.fails(rest) {
			guilty = minimal(rest, c.fails)
		}
		if c.err != nil {
			return ""
		}
	}
	slices.Sort(out)
	var names []string
	for _, u := range rest {
		names = append(names, u.plugin)
	}
	if len(rest) == 1 {
		return fmt.Sprintf("remove group %s from the manifest: each of its plugins resolves in a venv of its own", c.venv.Label)
	}
	return fmt.Sprintf("split the group, this resolves:  groups: {%s: [%s]}  with %s in a venv of its own",
		c.venv.Label, strings.Join(names, ", "), strings.Join(out, " and "))
}

func without(units []unit, out unit) []unit {
	return slices.DeleteFunc(slices.Clone(units), func(u unit) bool { return u.plugin == out.plugin })
}

// explainAlone handles one plugin that does not resolve by itself: because of
// constraints, because of projects without a usable file, or in itself.
func (c *conflict) explainAlone(plugin string, requirements []string, failed *run, a *answer) error {
	if err := c.r.explainPins(c.ctx, failed, requirements); err != nil {
		return fault.Wrap(fault.Resolve, err, "plugin %s", plugin)
	}
	if free, run := c.try(requirements, nil); c.err == nil && free.code == 0 && len(c.r.constraints()) > 0 {
		return c.explainConstraints(plugin, requirements, append(failed.projects(), run.projects()...))
	}
	if empty := c.r.emptyProjects(c.ctx, failed); len(empty) > 0 {
		return fault.New(fault.Resolve, "plugin %s cannot be resolved: %s", plugin, strings.Join(empty, "; "))
	}
	return fault.Wrap(fault.Resolve, errors.New(c.r.scrub(a.stderr)), "plugin %s cannot be resolved by itself", plugin)
}

// explainConstraints names the smallest set of constraint lines that keeps a
// plugin from resolving.
func (c *conflict) explainConstraints(plugin string, requirements, asked []string) error {
	var relevant []manifest.Constraint
	for _, line := range c.r.req.Plan.Manifest.CLI.ConstraintLines {
		if p, ok := projectOf(line.Requirement); ok && slices.Contains(asked, p) {
			relevant = append(relevant, line)
		}
	}
	fails := func(lines []manifest.Constraint) bool {
		var text []string
		for _, l := range lines {
			text = append(text, l.Requirement)
		}
		a, _ := c.try(requirements, text)
		return a.code != 0
	}
	if !fails(relevant) {
		relevant = c.r.req.Plan.Manifest.CLI.ConstraintLines
	}
	var problems []error
	for _, l := range minimal(relevant, fails) {
		problems = append(problems, fault.New(fault.Resolve, "constraint %s keeps plugin %s from resolving", l.Requirement, plugin).At(l.Pos).
			Hint("change or remove the line %q of the constraints file", l.Requirement))
	}
	return errors.Join(problems...)
}

// minimal returns a smallest part of items that still fails: no item can be
// left out of it. The whole is known to fail. This is Junker's QuickXplain:
// a conflict of k items among n takes about k*log(n/k) trials.
func minimal[T any](items []T, fails func([]T) bool) []T {
	if len(items) == 0 {
		return nil
	}
	var search func(base []T, grown bool, items []T) []T
	search = func(base []T, grown bool, items []T) []T {
		if grown && fails(base) {
			return nil
		}
		if len(items) == 1 {
			return items
		}
		first, second := items[:len(items)/2], items[len(items)/2:]
		inSecond := search(slices.Concat(base, first), true, second)
		inFirst := search(slices.Concat(base, inSecond), len(inSecond) > 0, first)
		return slices.Concat(inFirst, inSecond)
	}
	return search(nil, false, items)
}
