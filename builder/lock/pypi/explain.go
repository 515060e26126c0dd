package pypi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep508"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/plan"
)

// explain turns a failed run of uv into what the user can act on, in terms of
// the manifest. In this order: what went wrong in the router, exact versions
// that nobody has, projects without a usable file, a plugin that cannot be
// resolved by itself, plugins that conflict.
func (r *resolver) explain(ctx context.Context, failed *run, v plan.Venv, a *answer) error {
	where := fmt.Sprintf("resolving venv %s (%s)", v.Dir, failed.target.Platform)
	if ctx.Err() != nil {
		return fault.Wrap(fault.Cancelled, ctx.Err(), "%s", where)
	}
	if err := failed.err(); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "%s", where)
	}
	if a.code != 1 {
		return fault.Wrap(fault.Usage, errors.New(r.scrub(a.stderr)), "%s: uv ended with status %d", where, a.code)
	}
	if err := r.explainPins(ctx, failed, v.Requirements); err != nil {
		return fault.Wrap(fault.Resolve, err, "%s", where)
	}
	units := unitsOf(v, r.req.Plan.Manifest)
	c := &conflict{r: r, ctx: ctx, target: failed.target, venv: v, units: units}
	var err error
	if len(units) > 1 {
		err = c.explain()
	} else {
		err = c.explainAlone(v.Label, v.Requirements, failed, a)
	}
	if c.err != nil {
		return fault.Wrap(fault.KindOf(c.err), c.err, "%s", where)
	}
	return fault.Wrap(fault.Resolve, err, "%s", where)
}

// explainPins reports the exact versions, of requirements and constraints, that
// are asked for and not offered. Only projects that uv looked at count: a
// constraint on anything else has no effect.
func (r *resolver) explainPins(ctx context.Context, failed *run, requirements []string) error {
	asked := failed.projects()
	var problems []error
	for _, p := range pins(requirements, r.req.Plan.Manifest.CLI.ConstraintLines) {
		if !slices.Contains(asked, p.project) {
			continue
		}
		page, err := r.page(ctx, failed.target, p.project)
		if err != nil {
			return err
		}
		if page.find(p.version) != nil {
			continue
		}
		problem := fault.New(fault.Resolve, "%s cannot be met: %s", redact(p.text), page.why(p.version))
		if !p.pos.IsZero() {
			problem = problem.At(p.pos).Hint("change or remove the line %q of the constraints file", p.text)
		}
		problems = append(problems, problem)
	}
	return errors.Join(problems...)
}

// emptyProjects describes the projects that uv asked for and of which nothing
// can be used.
func (r *resolver) emptyProjects(ctx context.Context, failed *run) []string {
	var lines []string
	for _, project := range failed.projects() {
		if p, err := r.page(ctx, failed.target, project); err == nil && len(p.candidates) == 0 {
			lines = append(lines, p.summary(failed.target))
		}
	}
	return lines
}

// unit is one plugin of a venv with what it alone asks for.
type unit struct {
	plugin string
	extras []string // of the CLI; nil for a custom source
	others []string // further requirements
}

// cliProject is the distribution that plugins are extras of.
const cliProject = "acryl-datahub"

// commonExtras are asked for in every venv (upstream's rule).
var commonExtras = []string{"datahub-rest", "datahub-kafka", "file"}

// unitsOf takes a venv's requirements apart by plugin: by the names of extras
// (plugin, plugin-slim, the manifest's additional ones, and s3 for file, which
// is upstream's rule), and by the requirements of custom sources. What belongs
// to no plugin is everyone's.
func unitsOf(v plan.Venv, m *manifest.Manifest) []unit {
	claimed := map[string]bool{}
	var units []unit
	for _, name := range v.Plugins {
		u := unit{plugin: name}
		wanted := []string{name, name + "-slim"}
		if name == "file" {
			wanted = append(wanted, "s3", "s3-slim")
		}
		for _, p := range m.Plugins {
			if p.Name == name {
				wanted = append(wanted, p.Extras...)
			}
		}
		for _, e := range v.Extras {
			if slices.Contains(wanted, e) && !slices.Contains(commonExtras, e) {
				u.extras = append(u.extras, e)
				claimed[e] = true
			}
		}
		for _, c := range m.Custom {
			if c.Name != name {
				continue
			}
			for _, text := range c.Requirements {
				if slices.Contains(v.Requirements, text) {
					u.others = append(u.others, text)
					claimed[text] = true
				}
			}
		}
		units = append(units, u)
	}
	for i := range units {
		for _, e := range v.Extras {
			if !claimed[e] {
				units[i].extras = append(units[i].extras, e)
			}
		}
		for _, text := range v.Requirements {
			if r, err := pep508.Parse(text); err == nil && !claimed[text] && pep508.Normalise(r.Name) != cliProject {
				units[i].others = append(units[i].others, text)
			}
		}
	}
	return units
}

// requirementsOf puts the requirements of some of a venv's plugins together.
func requirementsOf(v plan.Venv, units []unit) []string {
	var extras, others []string
	for _, u := range units {
		extras = append(extras, u.extras...)
		others = append(others, u.others...)
	}
	var all []string
	for _, text := range v.Requirements {
		r, err := pep508.Parse(text)
		if err != nil || pep508.Normalise(r.Name) != cliProject || slices.Contains(others, text) {
			continue
		}
		wanted := ""
		if extras = sortedUnique(extras); len(extras) > 0 {
			wanted = "[" + strings.Join(extras, ",") + "]"
		}
		all = append(all, cliProject+wanted+r.Specifier)
	}
	return append(all, sortedUnique(others)...)
}
