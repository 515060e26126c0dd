package pypi

import (
	"errors"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/pep440"
	"github.com/lockforge/lockforge/builder/lock"
)

// checkUpgrade refuses names to upgrade that the previous lock does not have.
func checkUpgrade(req Request) error {
	known := map[string]bool{}
	if req.Previous != nil {
		for _, p := range req.Previous.Platforms {
			for _, w := range slices.Concat(p.Wheels, p.BuildTools) {
				known[w.Name] = true
			}
			for _, e := range p.Exceptions {
				known[e.Name] = true
			}
		}
	}
	var problems []error
	for _, name := range req.Upgrade {
		if !known[normalise(name)] {
			problems = append(problems, fault.New(fault.Usage, "upgrading %s: the lock has no such package", name))
		}
	}
	return errors.Join(problems...)
}

// keeps reports whether the previous lock's version of a project is to be
// taken again where it fits.
func (r *resolver) keeps(project string) bool {
	return r.req.Previous != nil && !r.req.UpgradeAll &&
		!slices.ContainsFunc(r.req.Upgrade, func(name string) bool { return normalise(name) == project })
}

// previous returns a platform of the previous lock, empty where there is none.
func (r *resolver) previous(t target) *lock.Platform {
	if r.req.Previous != nil {
		for _, p := range r.req.Previous.Platforms {
			if p.Platform == t.Platform {
				return p
			}
		}
	}
	return &lock.Platform{}
}

// lockedFiles lists the hashes of the files that are to be kept.
func (r *resolver) lockedFiles(t target) map[string]bool {
	files := map[string]bool{}
	p := r.previous(t)
	for _, w := range slices.Concat(p.Wheels, p.BuildTools) {
		if r.keeps(w.Name) {
			files[w.SHA256] = true
		}
	}
	return files
}

// preferences gives the versions of the previous lock: those of the venv
// first, then those that any other venv of the platform has, so that a new
// venv shares what is there.
func (r *resolver) preferences(t target, dir string) []string {
	p := r.previous(t)
	byFile := map[string]lock.Wheel{}
	for _, w := range p.Wheels {
		byFile[w.File] = w
	}
	versions := map[string]string{}
	for _, own := range []bool{true, false} {
		for _, v := range p.Venvs {
			for _, file := range v.Wheels {
				if w := byFile[file]; (v.Dir == dir) == own && versions[w.Name] == "" {
					versions[w.Name] = w.Version
				}
			}
		}
	}
	for _, e := range p.Exceptions {
		versions[e.Name] = e.Version
	}
	var lines []string
	for name, version := range versions {
		if v, err := pep440.Parse(version); err == nil && r.keeps(name) {
			lines = append(lines, name+"=="+v.String())
		}
	}
	slices.Sort(lines)
	return lines
}
