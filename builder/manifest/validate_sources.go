package manifest

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

var (
	indexNameGrammar = regexp.MustCompile(`^[a-z0-9]+(?:[_-][a-z0-9]+)*$`)
	patternGrammar   = regexp.MustCompile(`^[a-z0-9*]+(?:-[a-z0-9*]+)*$`)
)

// reservedIndexes are names with a meaning of their own in lock files.
var reservedIndexes = []string{"local", "sdist"}

// indexes checks where wheels come from: each index has a name, an address
// and, unless it is the default, projects that no other index has.
func (v *validator) indexes() {
	names := map[string]bool{}
	if d := v.m.Indexes.Default; d != nil {
		v.index("indexes.default", *d, names)
		if len(d.Packages) > 0 {
			v.bad("indexes.default.packages", "remove it: the default index serves what no other does", "is set")
		}
	}
	type owned struct{ pattern, index string }
	var patterns []owned
	for i, x := range v.m.Indexes.Extra {
		at := fmt.Sprintf("indexes.extra[%d]", i)
		v.index(at, x, names)
		if d := v.m.Indexes.Default; d != nil && sameAddress(Redact(d.URL), Redact(x.URL)) && x.URL != "" {
			v.bad(at+".url", "remove this index", "is the address of the default index")
		}
		if len(x.Packages) == 0 {
			v.missing(at+".packages", v.packagesHint())
		}
		for j, pattern := range x.Packages {
			sub := v.m.deepest(fmt.Sprintf("%s.packages[%d]", at, j))
			if len(patterns) == maxItems {
				v.bad("indexes.extra", "", "has more than %d patterns", maxItems)
				return
			}
			if !patternGrammar.MatchString(pattern) || len(pattern) > maxName || strings.Trim(pattern, "*-") == "" {
				v.p.add(v.m.Pos(sub), `write a project name, or a pattern such as "acme-*"`, "%s is no project pattern", quote(pattern))
				continue
			}
			for _, o := range patterns {
				if o.index != x.Name && ambiguous(o.pattern, pattern) {
					v.p.add(v.m.Pos(sub), "a project comes from one index: make one pattern more exact than the other", "%s of index %s and %s of index %s match the same projects", pattern, x.Name, o.pattern, o.index)
				}
			}
			patterns = append(patterns, owned{pattern, x.Name})
		}
	}
}

// ambiguous reports whether a project may match both patterns with none of
// them the more exact one ("acme-crm" and "acme-crm-*" are, against "acme-*").
func ambiguous(a, b string) bool {
	return overlap(a, b) && covers(a, b) == covers(b, a)
}

func (v *validator) packagesHint() string {
	if len(v.m.names) > 0 {
		return "say which projects come from it: " + varExtraPackages + `="acme-*,acme2"`
	}
	return `say which projects come from it: packages: ["acme-*"]`
}

func (v *validator) index(at string, x Index, names map[string]bool) {
	switch {
	case x.Name == "":
		v.missing(at+".name", "give the index a short name: the lock refers to it")
	case !indexNameGrammar.MatchString(x.Name) || len(x.Name) > maxName || slices.Contains(reservedIndexes, x.Name):
		v.bad(at+".name", "use lower-case letters, digits, _ and -; not local or sdist", "%s is no name for an index", quote(x.Name))
	case names[x.Name]:
		v.bad(at+".name", "give each index a name of its own", "%s is taken", x.Name)
	}
	names[x.Name] = true
	v.address(at+".url", x.URL, true)
	for i, m := range x.Mirrors {
		v.address(fmt.Sprintf("%s.mirrors[%d]", at, i), m, true)
	}
}

// address checks an http or https address. Messages never repeat credentials.
func (v *validator) address(at, address string, credentials bool) {
	if address == "" {
		v.missing(at, "give an http or https address")
		return
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(address, " \t"):
		v.bad(at, "give an http or https address", "is %s", quote(address))
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		v.bad(at, "leave out what follows ? and #", "%s has a query or a fragment", Redact(address))
	case u.User != nil && !credentials:
		v.bad(at, "leave user and password out", "%s carries credentials", Redact(address))
	}
}

// wheels checks local wheels.
func (v *validator) wheels() {
	seen := map[string]bool{}
	for i, w := range v.m.Wheels {
		at := fmt.Sprintf("wheels[%d]", i)
		if v.relativePath(at+".path", w.Path) {
			name := path.Base(w.Path)
			switch {
			case !strings.HasSuffix(name, ".whl"):
				v.bad(at+".path", "give a wheel: name-version-tags.whl", "is %s", quote(w.Path))
			case seen[name]:
				v.bad(at+".path", "list each file once", "repeats the file name %s", quote(name))
			}
			seen[name] = true
		}
		v.hash(at+".sha256", w.SHA256)
	}
}

// reviewed checks accepted start-up files.
func (v *validator) reviewed() {
	for i, r := range v.m.Reviewed {
		at := fmt.Sprintf("reviewed[%d]", i)
		if v.relativePath(at+".file", r.File) && !startsPython(r.File) {
			v.bad(at+".file", "only files that Python runs at start need a review: .pth, .start, sitecustomize.py, usercustomize.py", "is %s", quote(r.File))
		}
		v.hash(at+".sha256", r.SHA256)
		v.reason(at, r.Reason)
		if slices.IndexFunc(v.m.Reviewed, func(o Review) bool { return o.File == r.File && o.SHA256 == r.SHA256 }) < i {
			v.bad(at, "list it once", "repeats %s", quote(r.File))
		}
	}
}

func startsPython(file string) bool {
	switch path.Base(file) {
	case "sitecustomize.py", "usercustomize.py":
		return true
	}
	return path.Ext(file) == ".pth" || path.Ext(file) == ".start"
}

// allow checks admitted programs.
func (v *validator) allow() {
	seen := map[string]bool{}
	for i, a := range v.m.Allow {
		at := fmt.Sprintf("allow[%d]", i)
		v.oneOf(v.m.deepest(at+".program"), a.Program, Programs)
		if seen[a.Program] {
			v.bad(at+".program", "list it once", "repeats %s", quote(a.Program))
		}
		seen[a.Program] = true
		v.reason(at, a.Reason)
	}
}

func (v *validator) reason(at, reason string) {
	if strings.TrimSpace(reason) == "" {
		v.missing(at+".reason", "say why: it is shown with the image's verdict")
	}
}

// base checks that exactly one kind of OS is chosen.
func (v *validator) base() {
	b := v.m.Base
	chosen := 0
	if b.Debian != nil {
		chosen++
		v.oneOf("base.debian.suite", b.Debian.Suite, Suites)
		for i, m := range b.Debian.Mirrors {
			v.address(fmt.Sprintf("base.debian.mirrors[%d]", i), m, false)
		}
		for i, m := range b.Debian.SecurityMirrors {
			v.address(fmt.Sprintf("base.debian.securityMirrors[%d]", i), m, false)
		}
	}
	for _, r := range []struct{ at, reference string }{{"base.image", b.Image}, {"base.layout", b.Layout}} {
		if r.reference == "" {
			continue
		}
		chosen++
		if !digestGrammar.MatchString(r.reference) {
			v.bad(r.at, "name it by digest: NAME@sha256:...", "is %s", quote(r.reference))
		}
	}
	if chosen != 1 {
		v.bad("base", "choose one of debian, image and layout", "chooses %d of debian, image and layout", chosen)
	}
	if b.Flatten && b.Debian != nil {
		v.bad("base.flatten", "remove it", "has no meaning for a Debian base")
	}
	if dir, _, ok := strings.Cut(b.Layout, "@"); ok {
		v.relativePath("base.layout", dir)
	}
}
