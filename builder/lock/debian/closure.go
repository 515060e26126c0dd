package debian

import (
	"slices"
	"sort"

	"github.com/lockforge/lockforge/builder/fault"
)

// closure is a resolution under way.
type closure struct {
	catalog  *catalog
	selected map[string]*candidate
	queue    []*candidate
	skipped  map[string]map[string]bool // excluded package -> packages that declare it
}

// resolve selects the roots and everything they depend on, without the
// excluded packages: for each clause what is selected already, else nothing
// where an alternative is excluded, else the first alternative that exists.
// The only version considered is the highest. All unmet clauses are reported
// at once, as fault.Resolve.
func (c *catalog) resolve(roots []string) ([]*candidate, []Exclusion, error) {
	run := &closure{catalog: c, selected: map[string]*candidate{}, skipped: map[string]map[string]bool{}}
	var unmet []error
	for _, name := range roots {
		p := c.byName[name]
		if p == nil {
			unmet = append(unmet, fault.New(fault.Resolve, "package %s does not exist", name))
			continue
		}
		run.take(p)
	}
	for len(run.queue) > 0 {
		p := run.queue[0]
		run.queue = run.queue[1:]
		clauses, err := parseDependencies(p.depends)
		if err != nil {
			return nil, nil, fault.Wrap(fault.Integrity, err, "reading what %s depends on", p.name)
		}
		for _, alternatives := range clauses {
			if !run.satisfy(p, alternatives) {
				unmet = append(unmet, fault.New(fault.Resolve, "package %s %s needs %s, which does not exist", p.name, p.version, alternatives))
			}
		}
	}
	if len(unmet) > 0 {
		return nil, nil, joinAll(unmet)
	}
	return run.list(), run.exclusions(), nil
}

func (r *closure) take(p *candidate) {
	if r.selected[p.name] == nil {
		r.selected[p.name] = p
		r.queue = append(r.queue, p)
	}
}

func (r *closure) satisfy(by *candidate, alternatives clause) bool {
	for _, a := range alternatives {
		if p := r.selected[a.name]; p != nil && a.admits(p.version) {
			return true
		}
		for _, v := range r.catalog.providers[a.name] {
			if r.selected[v.pkg.name] != nil && a.admits(v.version) {
				return true
			}
		}
	}
	for _, a := range alternatives {
		if _, ok := excluded[a.name]; ok {
			if r.skipped[a.name] == nil {
				r.skipped[a.name] = map[string]bool{}
			}
			r.skipped[a.name][by.name] = true
			return true
		}
	}
	for _, a := range alternatives {
		if p := r.catalog.byName[a.name]; p != nil && a.admits(p.version) {
			r.take(p)
			return true
		}
		for _, v := range r.catalog.providers[a.name] {
			if a.admits(v.version) {
				r.take(v.pkg)
				return true
			}
		}
	}
	return false
}

func (r *closure) list() []*candidate {
	var all []*candidate
	for _, p := range r.selected {
		all = append(all, p)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

func (r *closure) exclusions() []Exclusion {
	var all []Exclusion
	for name, by := range r.skipped {
		e := Exclusion{Package: name, Reason: excluded[name]}
		for user := range by {
			e.NeededBy = append(e.NeededBy, user)
		}
		slices.Sort(e.NeededBy)
		all = append(all, e)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Package < all[j].Package })
	return all
}
