package pypi

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"golang.org/x/sync/errgroup"
)

// assemble turns resolved venvs into platforms of a lock, bringing every wheel
// into the store.
func (r *resolver) assemble(ctx context.Context, venvs []*venvResult) (*Result, error) {
	result := &Result{Tools: []lock.Tool{{Name: "uv", Version: r.uv.version}}}
	if err := r.obtainAll(ctx, venvs); err != nil {
		return nil, err
	}
	var problems []error
	for _, t := range r.targets {
		p := &lock.Platform{Platform: t.Platform, Python: t.Python}
		for _, v := range venvs {
			if v.target.Platform == t.Platform {
				problems = append(problems, r.addVenv(ctx, p, v))
			}
		}
		problems = append(problems, r.finish(ctx, t, p))
		result.Platforms = append(result.Platforms, p)
	}
	return result, errors.Join(problems...)
}

// obtainAll fetches and checks all wheels, a few at once.
func (r *resolver) obtainAll(ctx context.Context, venvs []*venvResult) error {
	wanted := map[string]*candidate{}
	for _, v := range venvs {
		for _, c := range v.chosen {
			wanted[c.file.SHA256] = c.candidate
		}
	}
	order := make([]*candidate, 0, len(wanted))
	for _, c := range wanted {
		order = append(order, c)
	}
	slices.SortFunc(order, func(a, b *candidate) int { return cmp.Compare(a.name, b.name) })
	problems := make([]error, len(order))
	var group errgroup.Group
	group.SetLimit(max(4, r.req.Jobs))
	for i, c := range order {
		group.Go(func() error {
			if _, problems[i] = r.obtain(ctx, c); problems[i] == nil {
				problems[i] = r.checkServed(ctx, c)
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // problems holds them
	if ctx.Err() != nil {
		return fault.Wrap(fault.Cancelled, ctx.Err(), "fetching wheels")
	}
	return errors.Join(problems...)
}

func (r *resolver) addVenv(ctx context.Context, p *lock.Platform, v *venvResult) error {
	plan := v.venv
	out := lock.Venv{Dir: plan.Dir, Label: plan.Label, Plugins: plan.Plugins, Links: plan.Links, Extras: plan.Extras}
	for _, s := range plan.Sources {
		out.Sources = append(out.Sources, lock.Source{Plugin: s.Plugin, Name: s.Name, Class: s.Class})
	}
	for _, c := range v.chosen {
		w, err := r.obtain(ctx, c.candidate)
		if err != nil {
			return err
		}
		out.Wheels = append(out.Wheels, w.File)
		if !slices.Contains(p.Wheels, w) {
			p.Wheels = append(p.Wheels, w)
		}
		if !c.sdist {
			continue
		}
		s, err := r.sdistOf(c.candidate)
		if err != nil {
			return err
		}
		if !slices.Contains(p.Sdists, s) {
			p.Sdists = append(p.Sdists, s)
		}
	}
	slices.Sort(out.Wheels)
	p.Venvs = append(p.Venvs, out)
	for _, e := range v.exceptions {
		addException(p, e)
	}
	return nil
}

// addException records an installer that is not shipped, once per version,
// with everything that declares it.
func addException(p *lock.Platform, e resolved) {
	what, _ := lock.Installer(e.name)
	version := e.version.String()
	at := slices.IndexFunc(p.Exceptions, func(x lock.Exception) bool { return x.Name == e.name && x.Version == version })
	if at < 0 {
		at = len(p.Exceptions)
		p.Exceptions = append(p.Exceptions, lock.Exception{Name: e.name, Version: version, Reason: what + "; no installer is shipped in a locked image"})
	}
	p.Exceptions[at].NeededBy = sortedUnique(append(p.Exceptions[at].NeededBy, e.via...))
}

// finish adds what depends on the whole platform: build tools and reviews.
func (r *resolver) finish(ctx context.Context, t target, p *lock.Platform) error {
	slices.SortFunc(p.Wheels, func(a, b lock.Wheel) int { return cmp.Compare(a.Name+"\x00"+a.File, b.Name+"\x00"+b.File) })
	slices.SortFunc(p.Sdists, func(a, b lock.Sdist) int { return cmp.Compare(a.Name+"\x00"+a.File, b.Name+"\x00"+b.File) })
	slices.SortFunc(p.Exceptions, func(a, b lock.Exception) int {
		return cmp.Compare(a.Name+"\x00"+a.Version, b.Name+"\x00"+b.Version)
	})
	slices.SortFunc(p.Venvs, func(a, b lock.Venv) int { return cmp.Compare(a.Dir, b.Dir) })
	if len(p.Sdists) > 0 {
		tools, err := r.buildTools(ctx, t)
		if err != nil {
			return err
		}
		p.BuildTools = tools
	}
	var problems []error
	for _, w := range p.Wheels {
		reviewed, err := r.review(w)
		problems = append(problems, err)
		p.Reviewed = append(p.Reviewed, reviewed...)
	}
	return errors.Join(problems...)
}
