package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// User is a user of the image.
type User struct {
	UID, GID int
	Home     string
}

// maxAccounts bounds /etc/passwd and /etc/group, in bytes.
const maxAccounts = 1 << 20

// findUser reads the form of OCI's config: "", "user", "uid", "user:group",
// "uid:gid" and mixtures; names are looked up in the image. "" is root.
func findUser(root, spec string) (User, error) {
	passwd, err := accounts(root, "passwd")
	if err != nil {
		return User{}, err
	}
	name, group, hasGroup := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	u := User{Home: "/"}
	id, numeric := strconv.Atoi(name)
	u.UID = id
	found := false
	for _, line := range passwd {
		f := strings.Split(line, ":")
		if len(f) < 6 || f[0] != name && (numeric != nil || f[2] != name) {
			continue
		}
		uid, err1 := strconv.Atoi(f[2])
		gid, err2 := strconv.Atoi(f[3])
		if err1 == nil && err2 == nil && uid >= 0 && gid >= 0 {
			u, found = User{uid, gid, f[5]}, true
			break
		}
	}
	if !found && (numeric != nil || id < 0) {
		return u, fmt.Errorf("the image has no user %.64q", name)
	}
	if hasGroup && group != "" {
		u.GID, err = findGroup(root, group)
	}
	return u, err
}

func findGroup(root, name string) (int, error) {
	if id, err := strconv.Atoi(name); err == nil && id >= 0 {
		return id, nil
	}
	lines, err := accounts(root, "group")
	if err != nil {
		return 0, err
	}
	for _, line := range lines {
		f := strings.Split(line, ":")
		if len(f) >= 3 && f[0] == name {
			if id, err := strconv.Atoi(f[2]); err == nil && id >= 0 {
				return id, nil
			}
		}
	}
	return 0, fmt.Errorf("the image has no group %.64q", name)
}

// accounts returns the lines of a file of accounts; an image without has none.
func accounts(root, name string) ([]string, error) {
	at, err := follow(root, "etc/"+name, false)
	if err != nil {
		return nil, nil // nothing there, or nothing that can be followed
	}
	if info, err := os.Lstat(at); err != nil || !info.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(filepath.Clean(at))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := limitio.ReadAll(f, maxAccounts)
	if err != nil {
		return nil, err
	}
	return strings.Split(string(content), "\n"), nil
}
