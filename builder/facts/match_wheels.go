package facts

import (
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
)

// wheels compares the store with the locked wheels.
func (d *differences) wheels() {
	files := map[string][]*Entry{} // store directory -> all but directories
	for n := range d.f.Entries {
		e := &d.f.Entries[n]
		key, inside := storeKey(e.Path)
		switch {
		case key == "":
			continue
		case inside == "" && e.Type != image.Dir:
			d.add("%s: the store holds a %s", e.Path, e.Type)
			continue
		}
		if _, ok := files[key]; !ok {
			files[key] = nil
		}
		if e.Type != image.Dir {
			files[key] = append(files[key], e)
		}
	}
	locked := map[string]bool{}
	for _, w := range d.p.Wheels {
		key := w.StoreKey()
		locked[key] = true
		if _, ok := files[key]; !ok {
			d.add("wheel %s: the store lacks it", w.File)
			continue
		}
		d.storeDir(w, files[key])
	}
	for _, key := range sortedKeys(files) {
		if !locked[key] {
			d.add("%s/%s: no locked wheel's directory", storeRoot, key)
		}
	}
}

// distribution returns the one that a store directory is for.
func (d *differences) distribution(key string) *Distribution {
	var found *Distribution
	for n := range d.f.Python {
		if d.f.Python[n].Store != key {
			continue
		}
		if found != nil {
			d.add("%s/%s: metadata of two distributions", storeRoot, key)
			return nil
		}
		found = &d.f.Python[n]
	}
	return found
}

func (d *differences) storeDir(w lock.Wheel, files []*Entry) {
	root := storeRoot + "/" + w.StoreKey()
	dist := d.distribution(w.StoreKey())
	if dist == nil {
		d.add("%s: no metadata of %s %s", root, w.Name, w.Version)
		return
	}
	if dist.Name != w.Name || !wheel.SameVersion(dist.Version, w.Version) {
		d.add("%s: it holds %s %s, the lock says %s %s", root, dist.Name, dist.Version, w.Name, w.Version)
	}
	rows := map[string]RecordRow{}
	for _, r := range dist.Record {
		rows[root+"/"+r.Path] = r
	}
	if len(rows) == 0 {
		d.add("%s: no RECORD", root)
	}
	for _, e := range files {
		row, listed := rows[e.Path]
		delete(rows, e.Path)
		switch {
		case e.Type != image.File:
			d.add("%s: a %s in the store", e.Path, e.Type)
		case !listed:
			d.compiled(e)
		case e.Path == dist.Path+"/RECORD":
		case row.SHA256 != e.SHA256 || row.Size != e.Size:
			d.add("%s: sha256 %s and %d bytes, RECORD says %s and %d", e.Path, e.SHA256, e.Size, row.SHA256, row.Size)
		}
	}
	for _, p := range sortedKeys(rows) {
		d.add("%s: RECORD lists it and it is not there", p)
	}
}

// compiled checks a file that RECORD does not list: it can only be bytecode,
// made from a source that is there, and valid without a look at that.
func (d *differences) compiled(e *Entry) {
	b := d.bytecodeAt(e.Path, e.Layer)
	switch {
	case b == nil:
		d.add("%s: neither listed in RECORD nor bytecode", e.Path)
	case b.Source == "":
		d.add("%s: bytecode without a source", e.Path)
	case b.Path != venv.Python(d.p.Python).Bytecode(b.Source):
		d.add("%s: not where Python %s looks for the bytecode of %s", e.Path, d.p.Python, b.Source)
	case b.Flags != 1:
		d.add("%s: flags %d, want 1 for bytecode that is valid without its source", e.Path, b.Flags)
	case !b.Matches:
		d.add("%s: compiled from something else than %s", e.Path, b.Source)
	}
}

func (d *differences) bytecodeAt(p string, layer int) *Bytecode {
	n, ok := slices.BinarySearchFunc(d.f.Bytecode, p, func(b Bytecode, p string) int { return strings.Compare(b.Path, p) })
	if !ok {
		return nil
	}
	for ; n < len(d.f.Bytecode) && d.f.Bytecode[n].Path == p; n++ {
		if d.f.Bytecode[n].Layer == layer {
			return &d.f.Bytecode[n]
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// venvs compares the virtual environments with the locked ones.
func (d *differences) venvs() {
	root := strings.TrimPrefix(d.f.venvRoot(), "/")
	byFile := map[string]lock.Wheel{}
	for _, w := range d.p.Wheels {
		byFile[w.File] = w
	}
	have := map[string]*Venv{}
	for n := range d.f.Venvs {
		have[d.f.Venvs[n].Path] = &d.f.Venvs[n]
	}
	for _, v := range d.p.Venvs {
		at := path.Join(root, v.Dir)
		found := have[at]
		delete(have, at)
		if found == nil {
			d.add("%s: the locked venv is missing", at)
			continue
		}
		var wheels []lock.Wheel
		for _, file := range v.Wheels {
			if w, ok := byFile[file]; ok {
				wheels = append(wheels, w)
			} else {
				d.add("%s: its wheel %s is not in the lock", at, file)
			}
		}
		d.venv(found, v, wheels)
	}
	for _, at := range sortedKeys(have) {
		d.add("%s: a venv that is not locked", at)
	}
}

func (d *differences) venv(v *Venv, locked lock.Venv, wheels []lock.Wheel) {
	if want := strings.TrimPrefix(venv.Python(d.p.Python).Interpreter(), "/"); v.Interpreter != want {
		d.add("%s/bin/python: it leads to %q, want %q", v.Path, v.Interpreter, want)
	}
	if v.Config["include-system-site-packages"] != "false" {
		d.add("%s/pyvenv.cfg: packages of the system are not shut out", v.Path)
	}
	if !equalSets(v.Aliases, locked.Links) {
		d.add("%s: its other names are %v, want %v", v.Path, v.Aliases, locked.Links)
	}
	for _, p := range v.Files {
		if p != v.Path+"/pyvenv.cfg" && path.Dir(p) != v.Path+"/bin" {
			d.add("%s: a file in a venv that is made of links", p)
		}
	}
	keys := map[string]bool{}
	for _, w := range wheels {
		keys[w.StoreKey()] = true
	}
	for _, l := range v.Links {
		if key, _ := storeKey(l.To); !keys[key] {
			d.add("%s: it leads to %q, which is no locked wheel of this venv", l.Path, l.To)
		}
	}
	d.installed(v, wheels)
}

// installed checks that exactly the locked wheels are in a venv, with every
// file of theirs. Where two wheels have a file of the same bytes, one is enough.
func (d *differences) installed(v *Venv, wheels []lock.Wheel) {
	there := map[string]bool{}
	for _, p := range v.Distributions {
		there[p] = true
	}
	for _, w := range wheels {
		dist := d.byStore(w.StoreKey())
		if dist == nil {
			continue // said once, by wheels
		}
		if !there[dist.Path] {
			d.add("%s: locked %s %s is not in it", v.Path, w.Name, w.Version)
		}
		delete(there, dist.Path)
		for _, r := range dist.Record {
			to, e := d.tree.resolve(v.SitePackages + "/" + r.Path)
			if e == nil || to != path.Join(path.Dir(dist.Path), r.Path) && e.SHA256 != r.SHA256 {
				d.add("%s/%s: it leads to %q, not to the file of %s", v.SitePackages, r.Path, to, w.File)
			}
		}
	}
	for _, p := range sortedKeys(there) {
		d.add("%s: %s is in it and not locked for it", v.Path, p)
	}
}

func (d *differences) byStore(key string) *Distribution {
	for n := range d.f.Python {
		if d.f.Python[n].Store == key {
			return &d.f.Python[n]
		}
	}
	return nil
}
