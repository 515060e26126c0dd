package index

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
)

var (
	errNotURL  = errors.New("not an absolute http or https URL")
	errBadPath = errors.New("a URL of an index has neither query nor fragment")
)

// parseAddress takes an index URL apart: the clean form that may be printed
// and the login that was in it. Errors never repeat the text they are about,
// because net/url's own do, credentials included.
func parseAddress(raw string) (clean string, l login, err error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Opaque != "" {
		return "", login{}, errNotURL
	}
	if u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", login{}, errBadPath
	}
	if u.User != nil {
		l.user = u.User.Username()
		l.password, _ = u.User.Password()
		u.User = nil
	}
	u.Host = strings.ToLower(u.Host)
	u.Path = strings.TrimRight(u.Path, "/")
	u.RawPath = strings.TrimRight(u.RawPath, "/")
	return u.String(), l, nil
}

// origin is the scheme, host and port of a URL, ports always spelled out.
func origin(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port
}

// printable is a URL for error texts and logs: without userinfo, query and
// fragment, all of which may hold secrets (signed links do).
func printable(u *url.URL) string {
	clean := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	text := clean.String()
	if u.RawQuery != "" {
		text += "?..."
	}
	return text
}

var namedForm = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)=(.*)$`)

// splitNamed takes uv's "name=url" form apart; the name is "" for a bare URL.
func splitNamed(value string) (name, address string) {
	if m := namedForm.FindStringSubmatch(value); m != nil {
		return m[1], m[2]
	}
	return "", value
}
