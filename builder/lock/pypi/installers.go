package pypi

import "github.com/lockforge/lockforge/builder/lock"

// withoutInstallers splits a resolution into what is shipped and the
// installers, which are not. What only an installer requires isn't shipped
// either.
func withoutInstallers(all []resolved) (shipped, removed []resolved) {
	requires := map[string][]string{}
	var next []string
	for _, p := range all {
		if p.root {
			next = append(next, p.name)
		}
		for _, parent := range p.via {
			requires[parent] = append(requires[parent], p.name)
		}
	}
	reached := map[string]bool{}
	for len(next) > 0 {
		name := next[0]
		next = next[1:]
		if _, is := lock.Installer(name); is || reached[name] {
			continue
		}
		reached[name] = true
		next = append(next, requires[name]...)
	}
	for _, p := range all {
		_, is := lock.Installer(p.name)
		switch {
		case is:
			removed = append(removed, p)
		case reached[p.name]:
			shipped = append(shipped, p)
		}
	}
	return shipped, removed
}
