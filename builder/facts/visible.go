package facts

import "slices"

// Visible is the file system that a container sees: layers put on top of each
// other, with whiteouts applied. It is not safe for concurrent use.
type Visible struct{ tree *tree }

// Visible stacks the layers.
func (f *Facts) Visible() *Visible { return &Visible{newTree(f.Entries, f.Whiteouts)} }

// Get returns the entry at a path without following links; nil where there is none.
func (v *Visible) Get(p string) *Entry { return v.tree.get(p) }

// Resolve follows all links of a path and returns the path they lead to and
// its entry, which is nil where they lead nowhere.
func (v *Visible) Resolve(p string) (string, *Entry) { return v.tree.resolve(p) }

// Below lists the paths below a directory, sorted.
func (v *Visible) Below(dir string) []string { return slices.Clone(v.tree.below(dir)) }

// Paths lists all paths, sorted.
func (v *Visible) Paths() []string { return slices.Clone(v.tree.paths) }
