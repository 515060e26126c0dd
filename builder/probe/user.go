package probe

import (
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

// user is who the image runs as: what a runtime makes of the configuration's
// "user" with /etc/passwd and /etc/group of the image (OCI runtime spec and
// docker's rules). Users that cannot be found out are taken for root.
type user struct {
	uid    int
	groups map[int]bool
	why    string // why it is root where the configuration does not say so
}

// root reports whether no mode holds this user back.
func (u user) root() bool { return u.uid == 0 }

func findUser(text string, layers []inspected, visible *facts.Visible) user {
	passwd, group := account(layers, visible, "etc/passwd"), account(layers, visible, "etc/group")
	name, gid, hasGroup := strings.Cut(text, ":")
	if name == "" {
		return user{why: "the image names no user"}
	}
	u := user{uid: -1, groups: map[int]bool{}}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 {
		u.uid, u.groups[0] = n, !hasGroup // who is not listed is in group 0
	}
	for _, row := range passwd {
		if len(row) < 4 || row[0] != name && row[2] != name {
			continue
		}
		n, err := strconv.Atoi(row[2])
		main, errGroup := strconv.Atoi(row[3])
		if err != nil || errGroup != nil {
			continue
		}
		u.uid, name = n, row[0]
		if !hasGroup {
			u.groups = map[int]bool{main: true}
		}
		break
	}
	if u.uid < 0 {
		return user{why: "the image's user is in no /etc/passwd"}
	}
	for _, row := range group {
		if len(row) < 3 {
			continue
		}
		n, err := strconv.Atoi(row[2])
		if err != nil {
			continue
		}
		if hasGroup && (row[0] == gid || row[2] == gid) || !hasGroup && len(row) > 3 && listed(row[3], name) {
			u.groups[n] = true
		}
	}
	if n, err := strconv.Atoi(gid); hasGroup && err == nil {
		u.groups[n] = true
	}
	return u
}

func listed(members, name string) bool {
	for m := range strings.SplitSeq(members, ",") {
		if m == name {
			return true
		}
	}
	return false
}

// account splits the file that a container sees into rows of columns.
func account(layers []inspected, visible *facts.Visible, p string) [][]string {
	e := visible.Get(p)
	if e == nil || e.Type != image.File {
		return nil
	}
	var rows [][]string
	for line := range strings.SplitSeq(string(layers[e.Layer].accounts[p]), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			rows = append(rows, strings.Split(line, ":"))
		}
	}
	return rows
}

// can says how the user could change an entry, "" where it cannot. Who owns a
// file may change its mode, so that a mode without write bits is no hindrance.
func (u user) can(e *facts.Entry) string {
	switch {
	case e.Type == image.Symlink:
		return "" // who may change its directory may replace it
	case u.root():
		return "the image runs as root"
	case e.UID == u.uid:
		return "it belongs to the image's user " + strconv.Itoa(u.uid)
	case u.groups[e.GID] && e.Mode&0o020 != 0:
		return "writable for group " + strconv.Itoa(e.GID) + ", which the image's user is in"
	case e.Mode&0o002 != 0:
		return "writable for everybody"
	}
	return ""
}
