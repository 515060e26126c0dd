package debian

import (
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Mirror is one archive root and where its address was found.
type Mirror struct {
	From string // "manifest" or the apt source file, "etc/apt/sources.list"
	root *url.URL
}

// String is the root without credentials.
func (m Mirror) String() string {
	clean := *m.root
	clean.User = nil
	return clean.String()
}

// join appends a path inside the archive to the root, credentials included.
func (m Mirror) join(path string) string { return m.root.JoinPath(path).String() }

// Mirrors are the roots to try, in order, for the main and updates archives
// and for the security archive.
type Mirrors struct {
	Main     []Mirror
	Security []Mirror
}

// of returns the roots that may serve an archive.
func (m Mirrors) of(a ArchiveName) []Mirror {
	if a == Security {
		return m.Security
	}
	return m.Main
}

// FindMirrors decides where the archives are: the manifest's mirrors, else the
// host's own apt sources, read below root (the host's file system). Of the apt
// configuration only the addresses are taken: it may switch checks off that
// must hold here. Where only main roots are known they are asked for the
// security archive as well: what a root serves, its signed Release says, not
// its name. No root at all is fault.Usage.
func FindMirrors(d *manifest.Debian, root fs.FS) (Mirrors, error) {
	var found Mirrors
	var err error
	if d != nil {
		if found.Main, err = parseMirrors(d.Mirrors, "manifest"); err != nil {
			return Mirrors{}, err
		}
		if found.Security, err = parseMirrors(d.SecurityMirrors, "manifest"); err != nil {
			return Mirrors{}, err
		}
	}
	if len(found.Main) == 0 || len(found.Security) == 0 {
		host, err := aptMirrors(root)
		if err != nil {
			return Mirrors{}, err
		}
		if len(found.Main) == 0 {
			found.Main = host.Main
		}
		if len(found.Security) == 0 {
			found.Security = host.Security
		}
	}
	if len(found.Security) == 0 {
		found.Security = found.Main
	}
	if len(found.Main) == 0 {
		return Mirrors{}, fault.New(fault.Usage, "no OS package mirror is configured").
			Hint("set base.debian.mirrors and base.debian.securityMirrors in the manifest; this host has no apt sources to take over")
	}
	return found, nil
}

func parseMirrors(urls []string, from string) ([]Mirror, error) {
	var list []Mirror
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			// The parser's own error would repeat the text, password included.
			return nil, fault.New(fault.Usage, "mirror address from %s is no http or https URL", from)
		}
		u.RawQuery, u.Fragment = "", ""
		list = append(list, Mirror{From: from, root: u})
	}
	return list, nil
}

// Describe gives one line per root: which archive, address, origin.
func (m Mirrors) Describe() []string {
	var lines []string
	for _, part := range []struct {
		name string
		list []Mirror
	}{{"debian", m.Main}, {"debian-security", m.Security}} {
		for _, mirror := range part.list {
			lines = append(lines, fmt.Sprintf("%s %s (%s)", part.name, mirror, strings.TrimPrefix(mirror.From, "/")))
		}
	}
	return lines
}
