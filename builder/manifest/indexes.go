package manifest

import (
	"fmt"
	"slices"
	"strings"
)

// profiles are the values of UV_PROFILE that upstream's builder knows.
var profiles = []string{"default", "custom", "chainguard", "chainguard-ci"}

// indexes reads both of upstream's index contracts.
func (a *assembly) indexes() {
	a.profile()
	a.defaultIndex()
	a.extraIndexes()
}

func (a *assembly) profile() {
	profile, at := a.value(varProfile)
	address, _ := a.value("DEFAULT_INDEX_URL")
	switch profile {
	case "":
	case "default":
		for _, key := range []string{"DEFAULT_INDEX_URL", "EXTRA_INDEX_URLS"} {
			if value, at := a.value(key); value != "" {
				a.p.add(at, "set UV_PROFILE=custom", "%s has no effect with UV_PROFILE=default", key)
			}
		}
	case "custom":
		if address == "" {
			a.p.add(at, "set DEFAULT_INDEX_URL", "UV_PROFILE=custom needs DEFAULT_INDEX_URL")
		}
	case "chainguard", "chainguard-ci":
		a.p.add(at, "set UV_PROFILE=custom and DEFAULT_INDEX_URL", "UV_PROFILE=%s stands for the addresses of a vendor, which lockforge doesn't know", profile)
	default:
		a.p.add(at, a.p.didYouMean(profile, profiles), "unknown UV_PROFILE %s", quote(profile))
	}
}

// defaultIndex takes the address that all given variables agree on.
func (a *assembly) defaultIndex() {
	from := ""
	for _, key := range defaultIndexVariables {
		address, at := a.value(key)
		if address == "" {
			continue
		}
		if from != "" {
			if _, address = namedAddress(address); !sameAddress(address, a.m.Indexes.Default.URL) {
				a.p.add(at, "keep one of them", "%s and %s name different default indexes", from, key)
			}
			continue
		}
		from = key
		name, address := namedAddress(address)
		a.m.Indexes.Default = &Index{Name: name, URL: address}
		a.m.mark("indexes.default", at)
		a.m.call("indexes.default.url", key)
	}
}

// extraIndexes takes the addresses of all variables together. An extra index
// serves only the projects that are said to come from it: asking several
// indexes for one name, as upstream does, lets anyone who can publish on one
// of them replace a package of another.
func (a *assembly) extraIndexes() {
	patterns := a.words(a.vars[varExtraPackages], " \t\n")
	for _, key := range extraIndexVariables {
		for _, w := range a.words(a.vars[key], " \t\n") {
			name, address := namedAddress(w.text)
			if slices.ContainsFunc(a.m.Indexes.Extra, func(x Index) bool { return sameAddress(x.URL, address) }) {
				continue
			}
			i := len(a.m.Indexes.Extra)
			if name == "" {
				name = fmt.Sprintf("extra-%d", i+1)
			}
			x := Index{Name: name, URL: address}
			path := fmt.Sprintf("indexes.extra[%d]", i)
			a.m.mark(path, w.pos)
			for _, sub := range []string{".url", ".name"} {
				a.m.call(path+sub, key)
			}
			a.m.call(path+".packages", varExtraPackages)
			if i < len(patterns) {
				a.m.mark(path+".packages", patterns[i].pos)
				x.Packages = strings.Split(patterns[i].text, ",")
			}
			a.m.Indexes.Extra = append(a.m.Indexes.Extra, x)
		}
	}
	for _, w := range patterns[min(len(patterns), len(a.m.Indexes.Extra)):] {
		a.p.add(w.pos, "give one word per extra index, in their order", "%s names projects for an extra index that isn't set", varExtraPackages)
	}
}

// namedAddress splits uv's "name=address"; the name is "" for a bare address.
func namedAddress(s string) (name, address string) {
	name, address, named := strings.Cut(s, "=")
	if !named || strings.ContainsAny(name, ":/") {
		return "", s
	}
	return name, address
}

func sameAddress(a, b string) bool {
	return strings.TrimRight(a, "/") == strings.TrimRight(b, "/")
}
