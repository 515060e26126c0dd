package base

import (
	"path"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

// view is what a container of an image sees: its layers on top of each other.
type view struct {
	entries map[string]*facts.Entry
}

// newView stacks the layers. Entries are sorted by path and layer, so that the
// upper one comes last; what a layer removes is what lower layers brought.
func newView(f *facts.Facts) *view {
	v := &view{entries: map[string]*facts.Entry{}}
	gone := map[string]int{} // path -> highest layer that removes it
	below := map[string]int{}
	for _, w := range f.Whiteouts {
		to := gone
		if w.Opaque {
			to = below
		}
		to[w.Path] = max(to[w.Path], w.Layer)
	}
	for i := range f.Entries {
		e := &f.Entries[i]
		hidden := gone[e.Path] > e.Layer
		for dir := path.Dir(e.Path); !hidden; dir = path.Dir(dir) {
			hidden = gone[dir] > e.Layer || below[dir] > e.Layer
			if dir == "." {
				break
			}
		}
		if !hidden {
			v.entries[e.Path] = e
		}
	}
	v.dropCovered()
	return v
}

// dropCovered leaves out what lies below a path that an upper layer has made a
// file or a link.
func (v *view) dropCovered() {
	for p, e := range v.entries {
		for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
			if at := v.entries[dir]; at != nil && at.Type != image.Dir && at.Layer > e.Layer {
				delete(v.entries, p)
				break
			}
		}
	}
}

// maxLinks is how many links in a row are followed, Linux' MAXSYMLINKS.
const maxLinks = 40

// file follows a path to the file it leads to; nil where there is none.
func (v *view) file(p string) *facts.Entry {
	for range maxLinks {
		real := v.directory(path.Dir(p))
		p = path.Join(real, path.Base(p))
		e := v.entries[p]
		switch {
		case e == nil:
			return nil
		case e.Type == image.File:
			return e
		case e.Type == image.Hardlink:
			p = e.Link
		case e.Type == image.Symlink:
			p = follow(path.Dir(p), e.Link)
		default:
			return nil
		}
	}
	return nil
}

// directory resolves the links among the parents of a path: /lib is a link to
// /usr/lib in most distributions.
func (v *view) directory(dir string) string {
	if dir == "." {
		return dir
	}
	real := path.Join(v.directory(path.Dir(dir)), path.Base(dir))
	for range maxLinks {
		e := v.entries[real]
		if e == nil || e.Type != image.Symlink {
			break
		}
		real = follow(path.Dir(real), e.Link)
	}
	return real
}

// follow gives the path that a link in dir leads to, relative to the root.
func follow(dir, link string) string {
	if path.IsAbs(link) {
		return path.Join(".", link)
	}
	return path.Join(dir, link)
}
