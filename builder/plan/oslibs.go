package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/manifest"
)

// library is an OS library that wheels of an extra load at run time and
// neither bring along nor find in every image (libstdc++, zlib: lock/debian).
// It maps each suite to the name of its package.
type library map[string]string

var (
	ldap   = library{"trixie": "libldap2", "bookworm": "libldap-2.5-0"}
	odbc   = library{"trixie": "libodbc2", "bookworm": "libodbc2"}
	pam    = library{"trixie": "libpam0g", "bookworm": "libpam0g"}
	gssapi = library{"trixie": "libgssapi-krb5-2", "bookworm": "libgssapi-krb5-2"}
)

// libraries lists what each extra needs beyond its wheels.
var libraries = map[string][]library{
	"ldap":           {ldap},      // python-ldap
	"db2":            {odbc, pam}, // pyodbc; ibm-db's client library
	"fabric-onelake": {odbc},      // pyodbc
	"mssql-odbc":     {odbc},      // pyodbc
	"hive-metastore": {gssapi},    // kerberos
	"presto-on-hive": {gssapi},    // kerberos
	"nifi":           {gssapi},    // requests-gssapi
}

// program is one that connectors start, and its package.
type program struct {
	pkg     string
	plugins []string // those that start it
}

// programs are in an image only where the manifest admits them.
var programs = map[string]program{
	"git": {pkg: "git", plugins: []string{"looker", "lookml", "odcs"}}, // GitPython
}

// Libraries returns the packages of a suite that an extra needs, sorted.
func Libraries(extra, suite string) []string {
	var names []string
	for _, l := range libraries[extra] {
		names = append(names, l[suite])
	}
	slices.Sort(names)
	return names
}

// osPackages lists what the venvs need of a Debian base. A base that is an
// image or a layout brings its own packages; whether they suffice is seen when
// the built image's libraries are checked.
func (b *builder) osPackages(venvs []Venv) []OSPackage {
	b.checkPrograms()
	d := b.m.Base.Debian
	if d == nil {
		return nil
	}
	for _, v := range venvs {
		for _, plugin := range v.Plugins {
			for _, extra := range b.needed(plugin, v) {
				for _, pkg := range Libraries(extra, d.Suite) {
					b.needs[pkg] = append(b.needs[pkg], plugin)
				}
			}
		}
	}
	for _, a := range b.m.Allow {
		if p, ok := programs[a.Program]; ok {
			b.needs[p.pkg] = append(b.needs[p.pkg], b.users(p)...)
		}
	}
	var packages []OSPackage
	for _, name := range slices.Sorted(maps.Keys(b.needs)) {
		users := slices.Sorted(slices.Values(b.needs[name]))
		packages = append(packages, OSPackage{Name: name, NeededBy: slices.Compact(users)})
	}
	return packages
}

// needed lists the extras that one member of a venv brought in.
func (b *builder) needed(plugin string, v Venv) []string {
	if i := slices.IndexFunc(b.m.Plugins, func(p manifest.Plugin) bool { return p.Name == plugin }); i >= 0 {
		return b.extras(b.m.Plugins[i])
	}
	return v.Extras
}

// checkPrograms refuses a program that no plugin of the manifest starts: it
// would weaken the image for nothing.
func (b *builder) checkPrograms() {
	for i, a := range b.m.Allow {
		p, ok := programs[a.Program]
		if ok && len(b.users(p)) == 0 {
			b.problem(fmt.Sprintf("allow[%d]", i), "remove the entry", "no plugin of this manifest starts %s: only %s and custom sources do",
				a.Program, strings.Join(p.plugins, ", "))
		}
	}
}

// users lists the plugins that start a program. A custom source may start any.
func (b *builder) users(p program) []string {
	var names []string
	for _, plugin := range b.m.Plugins {
		if slices.Contains(p.plugins, plugin.Name) {
			names = append(names, plugin.Name)
		}
	}
	for _, c := range b.m.Custom {
		names = append(names, c.Name)
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
