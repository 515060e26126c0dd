package facts

import (
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
)

// tree is the file system that a container sees: layers put on top of each
// other, with whiteouts applied.
type tree struct {
	entries map[string]*Entry
	paths   []string          // sorted
	dirs    map[string]string // directory as written -> without links
}

// maxLinks is how many links in a row are followed, Linux' MAXSYMLINKS.
const maxLinks = 40

// newTree stacks entries, which are sorted by path and layer.
func newTree(entries []Entry, whiteouts []Whiteout) *tree {
	t := &tree{entries: make(map[string]*Entry, len(entries)), dirs: map[string]string{}}
	gone := hidden(whiteouts)
	for n := range entries {
		e := &entries[n]
		if !gone.hides(e) {
			t.entries[e.Path] = e // later layers come later
		}
	}
	t.paths = make([]string, 0, len(t.entries))
	for p := range t.entries {
		t.paths = append(t.paths, p)
	}
	slices.Sort(t.paths)
	return t
}

// hiding says up to which layer a path, or all below it, is removed.
type hiding struct{ path, below map[string]int }

func hidden(whiteouts []Whiteout) hiding {
	h := hiding{map[string]int{}, map[string]int{}}
	for _, w := range whiteouts {
		m := h.path
		if w.Opaque {
			m = h.below
		}
		m[w.Path] = max(m[w.Path], w.Layer)
	}
	return h
}

func (h hiding) hides(e *Entry) bool {
	if len(h.path) == 0 && len(h.below) == 0 {
		return false
	}
	if h.path[e.Path] > e.Layer {
		return true
	}
	for dir := path.Dir(e.Path); ; dir = path.Dir(dir) {
		if h.path[dir] > e.Layer || h.below[dir] > e.Layer {
			return true
		}
		if dir == "." {
			return false
		}
	}
}

// get returns the entry at a path without following links.
func (t *tree) get(p string) *Entry { return t.entries[p] }

// below lists the paths below a directory, sorted.
func (t *tree) below(dir string) []string {
	prefix := dir + "/"
	from, _ := slices.BinarySearch(t.paths, prefix)
	to := from
	for to < len(t.paths) && strings.HasPrefix(t.paths[to], prefix) {
		to++
	}
	return t.paths[from:to]
}

// resolve follows all links of a path and returns the path they lead to, and
// its entry; nil where they lead nowhere. Directories that no entry names
// exist when something lies below them, and have no entry either.
func (t *tree) resolve(p string) (string, *Entry) {
	left := maxLinks
	real, ok := t.follow(p, &left)
	if !ok {
		return "", nil
	}
	return real, t.entries[real]
}

func (t *tree) follow(p string, left *int) (string, bool) {
	if p == "." || p == "" {
		return ".", true
	}
	dir, base := path.Split(p)
	dir = strings.TrimRight(dir, "/") // not cleaned: a/.. is where a leads to, and up
	real, known := t.dirs[dir]
	if !known {
		var ok bool
		if real, ok = t.follow(dir, left); !ok {
			return "", false
		}
		t.dirs[dir] = real
	}
	switch base {
	case ".", "":
		return real, true
	case "..":
		return path.Dir(real), true
	}
	at := path.Join(real, base)
	e := t.entries[at]
	if e == nil || e.Type != image.Symlink {
		return at, true
	}
	if *left--; *left < 0 {
		return "", false
	}
	return t.follow(target(real, e.Link), left)
}

// target gives the path that a link in directory dir names. Its ".." are kept
// for follow, since they apply to where links lead, not to how they are written.
func target(dir, link string) string {
	if strings.HasPrefix(link, "/") {
		return strings.TrimLeft(link, "/")
	}
	if dir == "." {
		return link
	}
	return dir + "/" + link
}
