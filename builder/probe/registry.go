package probe

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/docs/probes"
)

// Registry is a set of probes, sorted by ID. It is immutable.
type Registry struct{ probes []Probe }

// NewRegistry puts the probes of several packages together. Every probe needs
// a well-formed ID of its own, all of its fields, and a page; everything that
// is missing is reported at once, as fault.Internal.
func NewRegistry(groups ...[]Probe) (*Registry, error) {
	all := slices.Concat(groups...)
	slices.SortFunc(all, func(a, b Probe) int { return strings.Compare(a.ID, b.ID) })
	var problems []error
	for n, p := range all {
		if n > 0 && all[n-1].ID == p.ID {
			problems = append(problems, fault.New(fault.Internal, "registering probe %s: it is there twice", p.ID))
		}
		problems = append(problems, p.check())
	}
	if len(all) == 0 {
		problems = append(problems, fault.New(fault.Internal, "registering no probes"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return &Registry{all}, nil
}

func (p Probe) check() error {
	switch {
	case !idForm.MatchString(p.ID):
		return fault.New(fault.Internal, "registering probe %q: not E<two digits>-<words>", p.ID)
	case !tiers[p.Tier], !severities[p.Severity], !kinds[p.Kind], p.Title == "", p.Fix == "":
		return fault.New(fault.Internal, "registering probe %s: tier %q, severity %q, kind %q, title %q, fix %q", p.ID, p.Tier, p.Severity, p.Kind, p.Title, p.Fix)
	}
	if _, err := p.Text(); err != nil {
		return fault.Wrap(fault.Internal, err, "registering probe %s", p.ID)
	}
	return nil
}

// Text returns the probe's page in Markdown.
func (p Probe) Text() (string, error) {
	b, err := fs.ReadFile(probes.Pages, p.ID+".md")
	return string(b), err
}

// Probes returns all probes, sorted by ID.
func (r *Registry) Probes() []Probe { return slices.Clone(r.probes) }

// Find returns the probe with an ID.
func (r *Registry) Find(id string) (Probe, bool) {
	n, ok := slices.BinarySearchFunc(r.probes, id, func(p Probe, id string) int { return strings.Compare(p.ID, id) })
	if !ok {
		return Probe{}, false
	}
	return r.probes[n], true
}
