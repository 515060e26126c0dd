package graph

import (
	"errors"
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/executor/contract"
)

// addVenvs adds the one layer of links that makes the store directories into
// virtual environments.
func (a *assembly) addVenvs() error {
	entries, err := Venvs(a.p, a.m.VenvPath, a.in)
	if err != nil {
		return err
	}
	spec := unpack.TreeSpec{Epoch: a.epoch.Unix()}
	for _, e := range entries {
		spec.Entries = append(spec.Entries, unpack.TreeEntry{Entry: e})
	}
	sha, err := a.content.spec(spec)
	if err != nil {
		return err
	}
	var dirs []string
	for _, v := range a.p.Venvs {
		dirs = append(dirs, v.Dir)
	}
	what := strings.Join(dirs, ", ")
	out := step{name: "venvs: " + what + forPlatform(a.builder, a.p), command: "tree", program: a.program, spec: sha}.run()
	a.add(out[0], Layer{Name: "venvs", What: what})
	return nil
}

// Venvs plans all virtual environments of a platform: their trees, and the
// links that are their further names. A wheel with a start-up file that the
// lock doesn't list as reviewed is fault.LockDrift.
func Venvs(p *lock.Platform, venvPath string, in Inputs) ([]venv.Entry, error) {
	sites, err := openSites(p, in)
	if err != nil {
		return nil, err
	}
	var entries []venv.Entry
	for _, v := range p.Venvs {
		var mine []*venv.SiteTree
		for _, file := range v.Wheels {
			site, ok := sites[file]
			if !ok {
				return nil, fault.New(fault.LockDrift, "venv %s needs wheel %s, which the lock does not list for %s", v.Dir, file, p.Platform)
			}
			mine = append(mine, site)
		}
		tree, err := venv.Links(venv.Spec{Path: path.Join(venvPath, v.Dir), StoreRoot: contract.StorePath, Python: venv.Python(p.Python)}, mine)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "planning venv %s", v.Dir)
		}
		entries = append(entries, tree.Entries...)
		for _, name := range v.Links {
			entries = append(entries, venv.Entry{
				Path: strings.TrimPrefix(path.Join(venvPath, name), "/"), Type: venv.Link, Mode: 0o777, Target: v.Dir,
			})
		}
	}
	return entries, nil
}

// openSites reads the file lists of a platform's wheels, by wheel file name.
func openSites(p *lock.Platform, in Inputs) (map[string]*venv.SiteTree, error) {
	sites := map[string]*venv.SiteTree{}
	var problems []error
	for _, w := range p.Wheels {
		site, err := openSite(w, venv.Python(p.Python), in)
		if err != nil {
			return nil, err
		}
		for _, f := range site.StartupFiles {
			if !reviewed(p, w.File, f) {
				problems = append(problems, fault.New(fault.LockDrift, "wheel %s runs %s at every start, and the lock lists no review of it", w.File, f.Path).
					Hint("add the file with its hash %s and a reason to the manifest's reviewed list, and lock again", f.SHA256))
			}
		}
		sites[w.File] = site
	}
	return sites, errors.Join(problems...)
}

func openSite(w lock.Wheel, python venv.Python, in Inputs) (*venv.SiteTree, error) {
	blob, err := in.Open(w.SHA256)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	opened, err := wheel.Open(blob, w.Size, w.File)
	if err != nil {
		return nil, err
	}
	site, err := venv.Site(opened, python)
	if err != nil {
		return nil, err
	}
	site.Key = w.StoreKey()
	return site, nil
}

func reviewed(p *lock.Platform, wheelFile string, f venv.File) bool {
	for _, r := range p.Reviewed {
		if r.Wheel == wheelFile && r.File == f.Path && r.SHA256 == f.SHA256 {
			return true
		}
	}
	return false
}
