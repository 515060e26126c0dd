package rootfs

import (
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
)

// Program is a command that an image may hold where its manifest allows it by
// name, with a reason. Files are patterns of everything the command needs
// besides shared libraries; all of them are executable.
type Program struct {
	Name    string   `json:"name"`
	Package string   `json:"package"` // Debian package that ships it
	Files   []string `json:"files"`
}

var allowable = []Program{
	// Enough to clone over https. The shell scripts of git-core stay out, so
	// "git submodule" and hooks don't work.
	{Name: "git", Package: "git", Files: []string{
		"usr/bin/git", "usr/lib/git-core/git", "usr/lib/git-core/git-remote-http", "usr/lib/git-core/git-remote-https",
	}},
}

// Programs lists the commands that a manifest may allow.
func Programs() []Program { return slices.Clone(allowable) }

// FindProgram looks an allowable command up by its name.
func FindProgram(name string) (Program, bool) {
	for _, p := range allowable {
		if p.Name == name {
			return p, true
		}
	}
	return Program{}, false
}

func programFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		p, ok := FindProgram(name)
		if !ok {
			return nil, fault.New(fault.Usage, "program %q cannot be allowed", name)
		}
		files = append(files, p.Files...)
	}
	return files, nil
}
