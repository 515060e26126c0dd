package facts

import (
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
)

// venvs finds virtual environments and what is installed in them.
func venvs(t *tree, texts map[string]text, python []Distribution) []Venv {
	var found []Venv
	byPath := map[string]bool{}
	for _, d := range python {
		byPath[d.Path] = true
	}
	for _, p := range t.paths {
		if path.Base(p) != "pyvenv.cfg" || t.get(p).Type != image.File {
			continue
		}
		dir := path.Dir(p)
		v := Venv{Path: dir, Name: path.Base(dir), Layer: t.get(p).Layer, Config: readAssignments(texts[p].content), Links: []VenvLink{}, Distributions: []string{}}
		v.Interpreter, _ = t.resolve(dir + "/bin/python")
		if t.get(v.Interpreter) == nil {
			v.Interpreter = ""
		}
		v.Aliases = aliases(t, dir)
		v.content(t, byPath)
		found = append(found, v)
	}
	return found
}

// aliases are the links beside a venv that lead to it.
func aliases(t *tree, dir string) []string {
	var names []string
	parent := path.Dir(dir)
	for _, p := range t.below(parent) {
		if path.Dir(p) != parent || t.get(p).Type != image.Symlink {
			continue
		}
		if real, _ := t.resolve(p); real == dir {
			names = append(names, path.Base(p))
		}
	}
	return names
}

// content reads site-packages. A metadata directory may be a link into the
// store or, where wheels share a directory, a real one with links inside.
func (v *Venv) content(t *tree, python map[string]bool) {
	for _, p := range t.below(v.Path) {
		if v.SitePackages == "" && path.Base(p) == "site-packages" && path.Dir(path.Dir(p)) == v.Path+"/lib" {
			v.SitePackages = p
		}
		switch e := t.get(p); e.Type {
		case image.Symlink:
			if v.SitePackages == "" || !strings.HasPrefix(p, v.SitePackages+"/") {
				continue
			}
			to, _ := t.resolve(p)
			if t.get(to) == nil {
				to = ""
			}
			v.Links = append(v.Links, VenvLink{p, to})
		case image.File, image.Hardlink:
			v.Files = append(v.Files, p)
		}
	}
	if v.SitePackages == "" {
		return
	}
	seen := map[string]bool{}
	for _, p := range t.below(v.SitePackages) {
		if path.Dir(p) != v.SitePackages || !strings.HasSuffix(p, ".dist-info") && !strings.HasSuffix(p, ".egg-info") {
			continue
		}
		for _, name := range []string{"METADATA", "PKG-INFO", ""} {
			real, _ := t.resolve(path.Join(p, name))
			if name != "" {
				real = path.Dir(real)
			}
			if python[real] && !seen[real] {
				seen[real] = true
				v.Distributions = append(v.Distributions, real)
			}
		}
	}
	slices.Sort(v.Distributions)
}
