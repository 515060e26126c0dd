package attest

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
)

// ManifestSource is a manifest as provenance holds it: its JSON form, which
// names no index, and the digest that the lock knows it by.
func ManifestSource(m *manifest.Manifest) (Source, error) {
	content, err := json.Marshal(m)
	if err != nil {
		return Source{}, fault.Wrap(fault.Internal, err, "encoding the manifest")
	}
	return Source{Digest: m.Digest(), Content: string(content)}, nil
}

// LockSource is a lock as provenance holds it: the bytes of the lock file, and
// their digest.
func LockSource(l *lock.Lock) (Source, error) {
	content, err := lock.Marshal(l)
	if err != nil {
		return Source{}, err
	}
	return Source{Digest: digestOf(content), Content: string(content)}, nil
}

// Materials lists the entries of a lock as resolved dependencies: packages,
// wheels, sdists and what builds them, on all platforms, each file once,
// sorted by name and hash.
func Materials(l *lock.Lock) []Material {
	var all []Material
	for _, p := range l.Platforms {
		if sum, ok := strings.CutPrefix(p.Base.Image, "sha256:"); ok {
			all = append(all, Material{Name: "base image for " + p.Platform, SHA256: sum, URI: "pkg:oci/base@" + url.QueryEscape(p.Base.Image)})
		}
		for _, d := range p.Debs {
			all = append(all, Material{Name: d.Locked().Name, SHA256: d.SHA256,
				URI: "pkg:deb/debian/" + d.Name + "@" + url.QueryEscape(d.Version) + "?arch=" + d.Arch})
		}
		for _, w := range slices.Concat(p.Wheels, p.BuildTools) {
			all = append(all, pypi(w.Name, w.Version, w.File, w.SHA256))
		}
		for _, s := range p.Sdists {
			all = append(all, pypi(s.Name, s.Version, s.File, s.SHA256))
		}
	}
	slices.SortFunc(all, func(a, b Material) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.URI, b.URI))
	})
	return slices.Compact(all)
}

func pypi(name, version, file, sum string) Material {
	return Material{Name: file, SHA256: sum,
		URI: "pkg:pypi/" + name + "@" + url.QueryEscape(version) + "?file_name=" + url.QueryEscape(file)}
}
