package pypi

import (
	"bufio"
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/internal/pep508"
)

// demand is one requirement on a project, and who makes it.
type demand struct {
	text string // "numpy<2"
	spec pep440.Specifiers
	by   string // "acryl-datahub[feast]"
}

// disputes names the projects that conflicting plugins disagree on. Each plugin
// resolves alone; a demand of one that excludes the version another one got is
// what they cannot agree on.
func (c *conflict) disputes(guilty []unit, alone map[string]*answer) []string {
	demands := map[string]map[string][]demand{}
	for _, u := range guilty {
		demands[u.plugin] = c.demands(requirementsOf(c.venv, []unit{u}), alone[u.plugin])
	}
	var lines []string
	for _, u := range guilty {
		for _, other := range guilty {
			for _, p := range alone[other.plugin].resolved {
				for _, d := range demands[u.plugin][p.name] {
					if other.plugin != u.plugin && !d.spec.Contain(p.version) {
						lines = append(lines, fmt.Sprintf("%s needs %s (%s)", u.plugin, d.text, d.by))
					}
				}
			}
		}
	}
	return sortedUnique(lines)
}

// demands walks the requirements of a resolution, with extras and markers, and
// lists what is demanded of each project.
func (c *conflict) demands(requirements []string, a *answer) map[string][]demand {
	w := &walk{c: c, env: pep508.Linux(c.target.machine, c.target.Python), versions: a.resolved, found: map[string][]demand{}, done: map[string]bool{}}
	for _, text := range requirements {
		w.visit(text, "", "the manifest")
	}
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		w.expand(next.project, next.extra)
	}
	return w.found
}

type node struct{ project, extra string }

// walk is a breadth-first pass over a resolution.
type walk struct {
	c        *conflict
	env      pep508.Environment
	versions []resolved
	found    map[string][]demand
	done     map[string]bool
	queue    []node
}

// visit notes one requirement that holds with the given extra.
func (w *walk) visit(text, extra, by string) {
	r, err := pep508.Parse(text)
	if err != nil || !r.Marker.Holds(w.env, extra) {
		return
	}
	if extra != "" && r.Marker.Holds(w.env, "") {
		return // not the extra's, and visited without it
	}
	name := pep508.Normalise(r.Name)
	if spec, err := pep440.ParseSpecifiers(r.Specifier); err == nil && r.Specifier != "" {
		w.found[name] = append(w.found[name], demand{name + r.Specifier, spec, by})
	}
	for _, e := range append([]string{""}, r.Extras...) {
		w.queue = append(w.queue, node{name, e})
	}
}

// expand visits what a project requires with an extra ("" for none).
func (w *walk) expand(project, extra string) {
	key := project + "[" + extra + "]"
	if w.done[key] {
		return
	}
	w.done[key] = true
	at := slices.IndexFunc(w.versions, func(p resolved) bool { return p.name == project })
	if at < 0 {
		return
	}
	candidate, err := w.c.r.chosen(w.c.ctx, w.c.target, w.versions[at])
	if err != nil {
		return
	}
	text, err := w.c.r.metadata(w.c.ctx, candidate)
	if err != nil {
		return
	}
	by := project
	if extra != "" {
		by = key
	}
	for _, requirement := range requiresDist(text) {
		w.visit(requirement, extra, by)
	}
}

// requiresDist lists the requirements in a METADATA text.
func requiresDist(text []byte) []string {
	var all []string
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() && lines.Text() != "" {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if strings.EqualFold(name, "Requires-Dist") {
			all = append(all, strings.TrimSpace(value))
		}
	}
	return all
}

// projectOf is the normalised project of a requirement.
func projectOf(text string) (string, bool) {
	r, err := pep508.Parse(text)
	return pep508.Normalise(r.Name), err == nil
}
