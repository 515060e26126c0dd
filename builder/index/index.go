// Package index finds out which Python package indexes are to be used, and
// talks to them: simple pages (PEP 503, PEP 691), files, byte ranges.
//
// No address is built in: an index is used only because the manifest, a flag,
// a variable, the user's pip or uv configuration, or the installed uv names it.
// Each project belongs to exactly one index. Credentials stay inside this
// package and leave it only in the Authorization header of requests to the
// origin (scheme, host and port) they were given for.
package index

import (
	"crypto/x509"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/plan"
)

// DefaultName is the name of the default index where the manifest gives none.
const DefaultName = "default"

// Index is one Python package index. Its URLs hold no credentials and no
// trailing slash, so that all of it may be printed.
type Index struct {
	Name string `json:"name"`
	URL  string `json:"url"`  // base of the simple API: project pages are at URL/<project>/
	From string `json:"from"` // where the address was found: "manifest", "UV_DEFAULT_INDEX", ...
	// Packages are normalised project name patterns ("acme-*") that come from
	// this index and from no other; the default index has none.
	Packages []string `json:"packages,omitempty"`
	// Mirrors are further bases that serve the same files, tried in order.
	Mirrors []string `json:"mirrors,omitempty"`
}

// bases returns the URL and the mirrors.
func (x Index) bases() []string { return append([]string{x.URL}, x.Mirrors...) }

// Set is every index of one run, with the credentials to reach them.
type Set struct {
	indexes []Index // the default first
	ignored []string
	keys    *keyring
	roots   *x509.CertPool
	env     Env
}

// String names the indexes; like every form of a Set it shows no credential.
func (s *Set) String() string {
	names := make([]string, len(s.indexes))
	for i, x := range s.indexes {
		names[i] = x.Name + "=" + x.URL
	}
	return "indexes(" + strings.Join(names, ", ") + ")"
}

// GoString keeps %#v from walking into the credentials.
func (s *Set) GoString() string { return s.String() }

var (
	_ fmt.Stringer   = (*Set)(nil)
	_ fmt.GoStringer = (*Set)(nil)
)

// For returns the one index that a project comes from: the extra index with
// the most exact matching pattern (a full name, then the longest pattern, then
// the first in the manifest), else the default. There is no fallback from one
// index to another, so that nobody can take over a private name by publishing
// it elsewhere. Of a Set without indexes the answer is the
// zero Index.
func (s *Set) For(project string) Index {
	if len(s.indexes) == 0 {
		return Index{}
	}
	name := normalize(project)
	best, rank := 0, -1
	for i, x := range s.indexes {
		for _, pattern := range x.Packages {
			if r := exactness(pattern, name); r > rank {
				best, rank = i, r
			}
		}
	}
	return s.indexes[best]
}

// exactness ranks how well a pattern fits a name; -1 is not at all.
func exactness(pattern, name string) int {
	if pattern == name {
		return 1 << 20
	}
	if ok, err := path.Match(pattern, name); err != nil || !ok {
		return -1
	}
	return len(pattern)
}

// Named returns the index of that name.
func (s *Set) Named(name string) (Index, bool) {
	i := slices.IndexFunc(s.indexes, func(x Index) bool { return x.Name == name })
	if i < 0 {
		return Index{}, false
	}
	return s.indexes[i], true
}

// All returns every index, the default first, then as the manifest has them.
func (s *Set) All() []Index { return slices.Clone(s.indexes) }

// Describe returns the indexes in the form that a plan shows.
func (s *Set) Describe() []plan.Index {
	list := make([]plan.Index, len(s.indexes))
	for i, x := range s.indexes {
		list[i] = plan.Index{Name: x.Name, URL: x.URL, From: x.From}
	}
	return list
}

// Ignored says, one line each, which index settings of the user's environment
// were found and are not used, and why.
func (s *Set) Ignored() []string { return slices.Clone(s.ignored) }

// normalize gives the normal form of a project name (PEP 503): lower case,
// each run of "-", "_" and "." as one "-". A "*" of a pattern stays.
func normalize(name string) string {
	var b strings.Builder
	dash := false
	for _, r := range strings.ToLower(name) {
		if r == '-' || r == '_' || r == '.' {
			dash = true
			continue
		}
		if dash {
			b.WriteByte('-')
			dash = false
		}
		b.WriteRune(r)
	}
	if dash {
		b.WriteByte('-')
	}
	return b.String()
}
