package index

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// login is a user name and password for HTTP Basic authentication.
type login struct{ user, password string }

func (l login) empty() bool { return l == login{} }

// header is the value of an Authorization header (RFC 7617).
func (l login) header() string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.user+":"+l.password))
}

// keyring answers which login, if any, a request gets.
type keyring struct {
	given    []grant         // from URLs and UV_INDEX_<NAME>_*, in the order of the indexes
	machines []machine       // from netrc
	origins  map[string]bool // of every index and mirror
}

// Format shows nothing, whatever the verb.
func (k *keyring) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "keyring(hidden)") }

// grant is a login for one base URL.
type grant struct {
	origin, path string
	login        login
}

// find returns the login for a request to u.
//
// A login that came with an index goes to the origin of that index only; where
// several indexes share an origin, to the longest base that u lies below. An
// entry of netrc goes to its machine, over https only, or over http where the
// user configured just that origin as an index; "default" of netrc goes to
// configured origins only.
func (k *keyring) find(u *url.URL) (login, bool) {
	o := origin(u)
	best := -1
	for i, g := range k.given {
		if g.origin == o && (best < 0 || g.covers(u.Path) > k.given[best].covers(u.Path)) {
			best = i
		}
	}
	if best >= 0 {
		return k.given[best].login, true
	}
	if u.Scheme != "https" && !k.origins[o] {
		return login{}, false
	}
	return k.fromNetrc(u.Hostname(), "", k.origins[o])
}

// covers is how much of path the grant's base is a parent of.
func (g grant) covers(path string) int {
	if path == g.path || strings.HasPrefix(path, g.path+"/") {
		return len(g.path) + 1
	}
	return 0
}

// fromNetrc finds the first entry for a host, and of that user where one is
// given; else, when allowed, the default entry.
func (k *keyring) fromNetrc(host, user string, allowDefault bool) (login, bool) {
	for _, m := range k.machines {
		named := m.name != "" && strings.EqualFold(m.name, host)
		if (named || m.name == "" && allowDefault) && !m.login.empty() && (user == "" || m.login.user == user) {
			return m.login, true
		}
	}
	return login{}, false
}

// add registers a base URL with the login that came with it, which may be
// empty, or lack the password that netrc then has.
func (k *keyring) add(clean string, l login) {
	u, err := url.Parse(clean)
	if err != nil {
		return // parseAddress has made it: it parses
	}
	k.origins[origin(u)] = true
	if l.empty() {
		return
	}
	if l.password == "" {
		if full, ok := k.fromNetrc(u.Hostname(), l.user, false); ok {
			l = full
		}
	}
	k.given = append(k.given, grant{origin: origin(u), path: u.Path, login: l})
}

// with is the keyring for one request, whose URL may hold a login of its own.
func (k *keyring) with(u *url.URL) *keyring {
	if u.User == nil {
		return k
	}
	l := login{user: u.User.Username()}
	l.password, _ = u.User.Password()
	own := grant{origin: origin(u), path: u.Path, login: l}
	return &keyring{given: append([]grant{own}, k.given...), machines: k.machines, origins: k.origins}
}

// newKeyring reads netrc: the file that NETRC names, else ~/.netrc if there is one.
func newKeyring(env Env) (*keyring, error) {
	k := &keyring{origins: map[string]bool{}}
	file := env.get("NETRC")
	if file == "" && env.Home != "" {
		file = filepath.Join(env.Home, ".netrc")
	}
	if file == "" {
		return k, nil
	}
	text, err := env.read(file)
	if errors.Is(err, fs.ErrNotExist) && env.get("NETRC") == "" {
		return k, nil
	}
	if err == nil {
		k.machines, err = parseNetrc(string(text))
	}
	if err != nil {
		return nil, fault.Wrap(fault.Usage, err, "reading netrc file %s", file).
			Hint("mend the file, or name another one with NETRC (NETRC=/dev/null for none)")
	}
	return k, nil
}

// fromVariables reads UV_INDEX_<NAME>_USERNAME and _PASSWORD: uv's own
// spelling, the name in upper case with "_" for all but letters and digits.
func fromVariables(env Env, name string) login {
	upper := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	return login{
		user:     env.get("UV_INDEX_" + upper + "_USERNAME"),
		password: env.get("UV_INDEX_" + upper + "_PASSWORD"),
	}
}

// scrub removes every known secret from a text, in plain and encoded form.
func (k *keyring) scrub(text string) string {
	var pairs []string
	hide := func(l login) {
		for _, secret := range []string{l.header(), l.user + ":" + l.password, l.password, url.QueryEscape(l.password), url.PathEscape(l.password)} {
			if len(secret) > 3 {
				pairs = append(pairs, secret, "(hidden)")
			}
		}
	}
	for _, g := range k.given {
		hide(g.login)
	}
	for _, m := range k.machines {
		hide(m.login)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
