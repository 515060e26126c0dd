package lock

import (
	"cmp"
	"path"
	"slices"
)

// The names that stand for an index where a wheel comes from none. No index of
// a manifest may be called so.
const (
	LocalIndex = "local" // the manifest's own wheels
	BuiltIndex = "sdist" // built from the sdist of the same name and version
)

// Files returns every file of all platforms that has to be fetched, once each,
// sorted by name and hash. Local wheels and wheels built from sdists are not
// among them; the sdists and the tools that build them are.
func (l *Lock) Files() []File {
	var files []File
	for _, p := range l.Platforms {
		for _, d := range p.Debs {
			files = append(files, d.Locked())
		}
		for _, w := range slices.Concat(p.Wheels, p.BuildTools) {
			if w.Index != LocalIndex && w.Index != BuiltIndex {
				files = append(files, w.Locked())
			}
		}
		for _, s := range p.Sdists {
			files = append(files, s.Locked())
		}
	}
	slices.SortFunc(files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.SHA256, b.SHA256), cmp.Compare(a.Origin, b.Origin))
	})
	return slices.CompactFunc(files, func(a, b File) bool { return a.Name == b.Name && a.SHA256 == b.SHA256 })
}

// Locked is the wheel as a file to be fetched from its index.
func (w Wheel) Locked() File {
	return File{Name: w.File, Size: w.Size, SHA256: w.SHA256, Origin: w.Index, Path: w.Name}
}

// Locked is the sdist as a file to be fetched from its index.
func (s Sdist) Locked() File {
	return File{Name: s.File, Size: s.Size, SHA256: s.SHA256, Origin: s.Index, Path: s.Name}
}

// Locked is the package as a file to be fetched from its archive.
func (d Deb) Locked() File {
	return File{Name: path.Base(d.Path), Size: d.Size, SHA256: d.SHA256, Origin: "debian:" + d.Archive, Path: d.Path}
}
