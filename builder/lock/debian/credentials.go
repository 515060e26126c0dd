package debian

import (
	"errors"
	"io/fs"
	"net/url"
	"path"
	"strings"
)

// AptCredentials reads the host's apt_auth.conf(5) files below root and adds
// what they hold to the mirrors whose address they name. Files that cannot be
// read (they are root's) give no credentials and no error.
func AptCredentials(m Mirrors, root fs.FS) Mirrors {
	names := []string{"etc/apt/auth.conf"}
	entries, err := fs.ReadDir(root, "etc/apt/auth.conf.d")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		entries = nil
	}
	for _, e := range entries {
		if path.Ext(e.Name()) == ".conf" {
			names = append(names, path.Join("etc/apt/auth.conf.d", e.Name()))
		}
	}
	var logins []aptLogin
	for _, name := range names {
		if content, err := readFile(root, name, maxAptFile); err == nil {
			logins = append(logins, parseAptLogins(string(content))...)
		}
	}
	return Mirrors{Main: withLogins(m.Main, logins), Security: withLogins(m.Security, logins)}
}

// aptLogin is one entry: scheme is "" where the file names none, which apt
// takes as https only; path is a prefix.
type aptLogin struct {
	scheme, host, path, login, password string
}

// parseAptLogins reads the netrc dialect of apt: machine [scheme://]host[:port][/path].
func parseAptLogins(text string) []aptLogin {
	var logins []aptLogin
	words := strings.Fields(text)
	for i := 0; i+1 < len(words); i++ {
		value := words[i+1]
		switch words[i] {
		case "machine":
			scheme, rest, found := strings.Cut(value, "://")
			if !found {
				scheme, rest = "", value
			}
			host, place, _ := strings.Cut(rest, "/")
			logins = append(logins, aptLogin{scheme: scheme, host: host, path: "/" + place})
		case "login":
			if len(logins) > 0 {
				logins[len(logins)-1].login = value
			}
		case "password":
			if len(logins) > 0 {
				logins[len(logins)-1].password = value
			}
		default:
			continue
		}
		i++
	}
	return logins
}

func (l aptLogin) matches(u *url.URL) bool {
	scheme := l.scheme
	if scheme == "" {
		scheme = "https"
	}
	return u.Scheme == scheme && u.Host == l.host && strings.HasPrefix(strings.TrimRight(u.Path, "/")+"/", l.path)
}

func withLogins(list []Mirror, logins []aptLogin) []Mirror {
	changed := make([]Mirror, 0, len(list))
	for _, m := range list {
		for _, l := range logins {
			if m.root.User == nil && l.login != "" && l.matches(m.root) {
				u := *m.root
				u.User = url.UserPassword(l.login, l.password)
				m.root = &u
			}
		}
		changed = append(changed, m)
	}
	return changed
}
