package lock

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Change is one difference between two locks. What says of which kind the
// thing is: "cli", "tool", "platform", "base", "venv", "package" (Python),
// "os" or "exception". From is empty for what was added, To for what was removed. For
// packages, Venvs lists the venvs whose content changes in this way.
type Change struct {
	Op       string   `json:"op"` // added, removed, upgraded (another version), rebuilt (same version, other bytes), changed
	What     string   `json:"what"`
	Platform string   `json:"platform,omitempty"`
	Name     string   `json:"name"`
	From     string   `json:"from,omitempty"`
	To       string   `json:"to,omitempty"`
	Venvs    []string `json:"venvs,omitempty"`
}

// String gives the change as one line for people.
func (c Change) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s", c.Op, c.What, c.Name)
	switch {
	case c.From != "" && c.To != "":
		fmt.Fprintf(&b, " %s -> %s", c.From, c.To)
	case c.From+c.To != "":
		b.WriteString(" " + c.From + c.To)
	}
	if len(c.Venvs) > 0 {
		b.WriteString(" in " + strings.Join(c.Venvs, ", "))
	}
	if c.Platform != "" {
		b.WriteString(" (" + c.Platform + ")")
	}
	return b.String()
}

// Diff lists what differs between a and b, sorted by kind, name and platform.
// A nil lock is an empty one.
func Diff(a, b *Lock) []Change {
	a, b = orEmpty(a), orEmpty(b)
	changes := compare(Change{What: "cli"}, single("acryl-datahub", a.CLIVersion), single("acryl-datahub", b.CLIVersion))
	changes = append(changes, compare(Change{What: "tool"}, tools(a), tools(b))...)
	pa, pb := platforms(a), platforms(b)
	for _, name := range union(pa, pb) {
		x, y := pa[name], pb[name]
		switch {
		case x == nil:
			changes = append(changes, Change{Op: "added", What: "platform", Name: name})
			x = &Platform{}
		case y == nil:
			// Nothing of a platform that is gone is worth a line of its own.
			changes = append(changes, Change{Op: "removed", What: "platform", Name: name})
			continue
		}
		changes = append(changes, diffPlatform(name, x, y)...)
	}
	order := []string{"cli", "tool", "platform", "base", "venv", "package", "exception", "os"}
	slices.SortStableFunc(changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(slices.Index(order, x.What), slices.Index(order, y.What)),
			cmp.Compare(x.Name, y.Name), cmp.Compare(x.Platform, y.Platform), cmp.Compare(x.From, y.From), cmp.Compare(x.To, y.To))
	})
	return changes
}

func diffPlatform(name string, a, b *Platform) []Change {
	at := func(what string) Change { return Change{What: what, Platform: name} }
	changes := compare(at("base"), single("python", a.Python), single("python", b.Python))
	changes = append(changes, compare(at("base"), single("os", a.Base.Suite+a.Base.Image), single("os", b.Base.Suite+b.Base.Image))...)
	changes = append(changes, compare(at("os"), debs(a), debs(b))...)
	changes = append(changes, compare(at("exception"), exceptions(a), exceptions(b))...)
	va, vb := venvs(a), venvs(b)
	packages := map[string]*Change{}
	for _, dir := range union(va, vb) {
		switch _, before := va[dir]; {
		case !before:
			changes = append(changes, Change{Op: "added", What: "venv", Platform: name, Name: dir})
		case vb[dir] == nil:
			changes = append(changes, Change{Op: "removed", What: "venv", Platform: name, Name: dir})
		}
		for _, c := range compare(at("package"), va[dir], vb[dir]) {
			key := strings.Join([]string{c.Op, c.Name, c.From, c.To}, "\x00")
			if packages[key] == nil {
				packages[key] = &c
			}
			packages[key].Venvs = append(packages[key].Venvs, dir)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(packages)) {
		changes = append(changes, *packages[key])
	}
	return changes
}

// item is a version together with what else identifies the bytes.
type item struct{ version, sum string }

// compare lists the differences of two sets of named items; like carries the
// fields that all changes have in common.
func compare(like Change, a, b map[string]item) []Change {
	var changes []Change
	for _, name := range union(a, b) {
		x, before := a[name]
		y, after := b[name]
		c := like
		c.Name, c.From, c.To = name, x.version, y.version
		switch {
		case x == y:
			continue
		case !before:
			c.Op = "added"
		case !after:
			c.Op = "removed"
		case x.version == y.version:
			c.Op, c.From, c.To = "rebuilt", "", y.version
		case x.sum+y.sum == "":
			c.Op = "changed"
		default:
			c.Op = "upgraded"
		}
		changes = append(changes, c)
	}
	return changes
}

func union[V any](a, b map[string]V) []string {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]V{}
	}
	maps.Copy(all, b)
	return slices.Sorted(maps.Keys(all))
}

func orEmpty(l *Lock) *Lock {
	if l == nil {
		return &Lock{}
	}
	return l
}

func single(name, value string) map[string]item {
	if value == "" {
		return nil
	}
	return map[string]item{name: {version: value}}
}

func tools(l *Lock) map[string]item {
	m := map[string]item{}
	for _, t := range l.Tools {
		m[t.Name] = item{version: t.Version}
	}
	return m
}

func platforms(l *Lock) map[string]*Platform {
	m := map[string]*Platform{}
	for _, p := range l.Platforms {
		m[p.Platform] = p
	}
	return m
}

func debs(p *Platform) map[string]item {
	m := map[string]item{}
	for _, d := range p.Debs {
		m[d.Name] = item{d.Version, d.SHA256}
	}
	return m
}

func exceptions(p *Platform) map[string]item {
	m := map[string]item{}
	for _, e := range p.Exceptions {
		m[e.Name] = item{version: e.Version}
	}
	return m
}

// venvs gives the packages of each venv of p.
func venvs(p *Platform) map[string]map[string]item {
	byFile := map[string]Wheel{}
	for _, w := range p.Wheels {
		byFile[w.File] = w
	}
	m := map[string]map[string]item{}
	for _, v := range p.Venvs {
		m[v.Dir] = map[string]item{}
		for _, file := range v.Wheels {
			w := byFile[file]
			m[v.Dir][w.Name] = item{w.Version, w.SHA256}
		}
	}
	return m
}

// Same reports whether two locks say the same but for dates: that of the
// resolution and those of the Debian archives. Order does not count, nor
// whether an empty list is nil.
func Same(a, b *Lock) bool {
	x, errX := Marshal(undated(a))
	y, errY := Marshal(undated(b))
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func undated(l *Lock) *Lock {
	c := *l
	c.Resolved, c.Platforms = "2000-01-01", nil
	for _, p := range l.Platforms {
		q := *p
		q.Base.Archives = slices.Clone(p.Base.Archives)
		for i := range q.Base.Archives {
			q.Base.Archives[i].Date = "2000-01-01T00:00:00Z"
		}
		c.Platforms = append(c.Platforms, &q)
	}
	return &c
}
