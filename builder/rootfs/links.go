package rootfs

import (
	"path"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// maxLinks is the number of links the kernel follows before it gives up.
const maxLinks = 40

// resolve follows every link of a path below the root and returns the path of
// the file or directory it leads to, or false where it leads nowhere.
func (b *builder) resolve(dirs map[string]bool, name string) (string, bool) {
	done, rest := "", name
	for hops := 0; rest != ""; {
		part, tail, _ := strings.Cut(rest, "/")
		rest = tail
		switch part {
		case "", ".":
			continue
		case "..":
			done = strings.TrimPrefix(path.Dir("/"+done), "/")
			continue
		}
		next := path.Join(done, part)
		e, ok := b.entries[next]
		switch {
		case ok && e.Type == venv.Link:
			if hops++; hops > maxLinks {
				return "", false
			}
			rest = e.Target + "/" + rest
			if path.IsAbs(e.Target) {
				done = ""
			}
			continue
		case ok && e.Type == venv.Regular && rest != "":
			return "", false
		case !ok && !dirs[next]:
			return "", false
		}
		done = next
	}
	return done, true
}

// directories lists every directory that the entries imply.
func (b *builder) directories() map[string]bool {
	dirs := map[string]bool{"": true}
	for name, e := range b.entries {
		if e.Type == venv.Dir {
			dirs[name] = true
		}
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			dirs[dir] = true
		}
	}
	return dirs
}

// dropDangling removes links that lead nowhere, again and again while that
// leaves more of them. What it removes from packages is recorded; the links of
// a merged /usr that nothing stands behind just go.
func (b *builder) dropDangling() {
	for removed := true; removed; {
		removed = false
		dirs := b.directories()
		for name, e := range b.entries {
			if e.Type != venv.Link {
				continue
			}
			if _, ok := b.resolve(dirs, name); ok {
				continue
			}
			delete(b.entries, name)
			removed = true
			if e.Package != "" {
				b.dropped = append(b.dropped, Drop{Package: e.Package, Path: name, Rule: ruleDangling})
			}
		}
	}
}

// checkPlaces refuses an entry below another package's file or link: written
// through a link it would land elsewhere.
func (b *builder) checkPlaces() error {
	for name := range b.entries {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if e, ok := b.entries[dir]; ok && e.Type != venv.Dir {
				return fault.New(fault.Integrity, "path %s lies below %s, which is no directory", name, dir)
			}
		}
	}
	return nil
}
