package facts

import (
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/executor/contract"
)

// generated are the files outside the store and the venvs that the build
// makes and that no package owns. A trailing slash is a whole directory.
var generated = []string{
	"etc/passwd", "etc/group", "etc/nsswitch.conf", "etc/hosts", "etc/resolv.conf", "etc/timezone",
	"etc/ld.so.cache", "etc/ssl/certs/ca-certificates.crt", "usr/lib/os-release",
	"etc/pip.conf", "etc/uv/uv.toml",
	"var/lib/dpkg/status.d/",
	strings.TrimPrefix(contract.BuildInfoPath, "/"), strings.TrimPrefix(contract.ExecutorPath, "/"),
}

// debian compares the OS part with the locked packages. On a base image there
// are none, and what lies above its layers is generated.
func (d *differences) debian() {
	if d.p.Base.Image != "" {
		d.system(nil)
		return
	}
	locked := map[string]string{}
	for _, p := range d.p.Debs {
		locked[p.Name+" "+p.Version+" "+p.Arch] = p.Path
	}
	owned := map[string]string{} // path -> md5
	for _, p := range d.f.Debian {
		key := p.Name + " " + p.Version + " " + p.Arch
		if _, ok := locked[key]; !ok {
			d.add("%s: package %s is not locked", p.Path, key)
		}
		delete(locked, key)
		for _, file := range p.Files {
			owned[file.Path] = file.MD5
		}
		for _, file := range p.Conffiles {
			owned[mergedUsr(file)] = ""
		}
	}
	for _, key := range sortedKeys(locked) {
		d.add("package %s is locked and not installed", key)
	}
	d.system(owned)
}

// system checks what is not a base image's; owned maps paths to MD5 sums.
func (d *differences) system(owned map[string]string) {
	for n := range d.f.Entries {
		if e := &d.f.Entries[n]; e.Layer >= d.base {
			d.systemEntry(e, owned)
		}
	}
}

// systemEntry checks one entry outside the store and the venvs. Links are
// checked to lead somewhere; which links there are, MatchStore knows.
func (d *differences) systemEntry(e *Entry, owned map[string]string) {
	venvs := strings.TrimPrefix(d.f.venvRoot(), "/")
	if key, _ := storeKey(e.Path); key != "" || strings.HasPrefix(e.Path, venvs+"/") {
		return
	}
	switch e.Type {
	case image.Symlink:
		if to, at := d.tree.resolve(e.Path); to == "" || at == nil && len(d.tree.below(to)) == 0 {
			d.add("%s: a link to %q, which is not there", e.Path, e.Link)
		}
	case image.File:
		sum, ok := owned[e.Path]
		switch {
		case ok && (sum == "" || sum == e.MD5), isGenerated(e.Path):
		case ok:
			d.add("%s: md5 %s, its package says %s", e.Path, e.MD5, sum)
		case strings.HasSuffix(e.Path, ".pyc"):
			d.compiled(e)
		default:
			d.add("%s: no package's file, and none that the build generates", e.Path)
		}
	}
}

func isGenerated(p string) bool {
	for _, g := range generated {
		if p == g || strings.HasSuffix(g, "/") && path.Dir(p)+"/" == g {
			return true
		}
	}
	return false
}
