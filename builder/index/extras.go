package index

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// reserved are names that a lock uses for files that come from no index.
var reserved = map[string]bool{"local": true, "sdist": true, "debian": true}

var (
	nameForm    = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)
	patternForm = regexp.MustCompile(`^[a-z0-9*-]+$`)
)

// discovery fills a Set from the manifest and collects every problem on the way.
type discovery struct {
	set      *Set
	manifest *manifest.Manifest
	errs     []error
}

func (d *discovery) addDefault(f found) {
	x := Index{Name: DefaultName, From: f.from}
	var mirrors []string
	if def := d.manifest.Indexes.Default; def != nil {
		if def.Name != "" {
			x.Name = d.checkName(def.Name, "indexes.default.name")
		}
		// Mirrors of the manifest belong to the manifest's own address.
		if f.from == "manifest" {
			mirrors = def.Mirrors
		}
		if len(def.Packages) > 0 {
			d.problem("indexes.default.packages", "the default index serves every package that no extra index names")
		}
	}
	kind := fault.Usage
	if f.from == "manifest" {
		kind = fault.Manifest
	}
	clean, l, err := parseAddress(f.address)
	if err != nil {
		d.errs = append(d.errs, fault.Wrap(kind, err, "reading the default index from %s", f.from).At(f.pos))
		return
	}
	x.URL = clean
	d.set.keys.add(clean, d.login(l, x.Name, f.name))
	x.Mirrors = d.addMirrors(mirrors, "indexes.default")
	d.set.indexes = append(d.set.indexes, x)
}

func (d *discovery) addExtras() {
	names := map[string]bool{DefaultName: true}
	if def := d.manifest.Indexes.Default; def != nil && def.Name != "" {
		names[def.Name] = true
	}
	owners := map[string]string{}
	for i, e := range d.manifest.Indexes.Extra {
		key := fmt.Sprintf("indexes.extra[%d]", i)
		x := Index{Name: d.checkName(e.Name, key+".name"), From: "manifest"}
		if names[x.Name] {
			d.problem(key+".name", "%q names two indexes", x.Name)
		}
		names[x.Name] = true
		x.Packages = d.patterns(e.Packages, key, owners, x.Name)
		clean, l, err := parseAddress(e.URL)
		if err != nil {
			d.problem(key+".url", "%s", err)
			continue
		}
		x.URL = clean
		d.set.keys.add(clean, d.login(l, x.Name))
		x.Mirrors = d.addMirrors(e.Mirrors, key)
		d.set.indexes = append(d.set.indexes, x)
	}
}

// login prefers what the URL holds; a user name in it may get its password
// from the variables.
func (d *discovery) login(fromURL login, names ...string) login {
	for _, name := range names {
		if name == "" {
			continue
		}
		v := fromVariables(d.set.env, name)
		switch {
		case fromURL.empty():
			fromURL = v
		case fromURL.password == "" && (v.user == "" || v.user == fromURL.user):
			fromURL.password = v.password
		}
	}
	return fromURL
}

func (d *discovery) addMirrors(raw []string, key string) []string {
	var mirrors []string
	for i, r := range raw {
		clean, l, err := parseAddress(r)
		if err != nil {
			d.problem(fmt.Sprintf("%s.mirrors[%d]", key, i), "%s", err)
			continue
		}
		d.set.keys.add(clean, l)
		mirrors = append(mirrors, clean)
	}
	return mirrors
}

func (d *discovery) patterns(raw []string, key string, owners map[string]string, name string) []string {
	if len(raw) == 0 {
		d.problem(key, "extra index %q serves no packages: list them under packages, such as \"acme-*\"", name)
	}
	var patterns []string
	for i, r := range raw {
		at := fmt.Sprintf("%s.packages[%d]", key, i)
		p := normalize(strings.TrimSpace(r))
		switch {
		case !patternForm.MatchString(p):
			d.problem(at, "%q is no project name pattern: letters, digits, \"-\", \"_\", \".\" and \"*\"", r)
		case owners[p] != "":
			d.problem(at, "%q belongs to index %q already", r, owners[p])
		default:
			owners[p] = name
			patterns = append(patterns, p)
		}
	}
	return patterns
}

func (d *discovery) checkName(name, key string) string {
	switch {
	case reserved[name]:
		d.problem(key, "index name %q is reserved", name)
	case !nameForm.MatchString(name):
		d.problem(key, "index name %q must be letters, digits, \"-\", \"_\" and \".\"", name)
	}
	return name
}

func (d *discovery) problem(key, format string, args ...any) {
	d.errs = append(d.errs, fault.New(fault.Manifest, format, args...).At(d.manifest.Pos(key)))
}
