package base

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/manifest"
)

// Forbidden is one file of a base that a locked image must not have.
type Forbidden struct {
	Path  string `json:"path"`
	Layer int    `json:"layer"` // from 0
	What  string `json:"what"`  // "shell bash", "setuid or setgid bit", ...
	// Program is the name under which the manifest may allow it, or "".
	Program string `json:"program,omitempty"`
}

// forbidden lists what the rules of a locked image deny in the layers of its
// base, hidden files included: they can be read from the layer.
func forbidden(f *facts.Facts) []Forbidden {
	var all []Forbidden
	for _, t := range f.Tools {
		all = append(all, Forbidden{Path: t.Path, Layer: t.Layer, What: t.Kind + " " + t.Name, Program: t.Name})
	}
	for _, s := range f.Startup {
		all = append(all, Forbidden{Path: s.Path, Layer: s.Layer, What: "start-up file"})
	}
	for _, w := range f.Whiteouts {
		all = append(all, Forbidden{Path: w.Path, Layer: w.Layer, What: "removal of a file of a lower layer"})
	}
	for i := range f.Entries {
		if what := attribute(&f.Entries[i]); what != "" {
			all = append(all, Forbidden{Path: f.Entries[i].Path, Layer: f.Entries[i].Layer, What: what})
		}
	}
	for _, b := range f.Bytecode {
		if b.Flags != 1 || !b.Matches {
			all = append(all, Forbidden{Path: b.Path, Layer: b.Layer, What: "bytecode that is not its source's, or is compared with it at each start"})
		}
	}
	slices.SortFunc(all, func(a, b Forbidden) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Layer, b.Layer), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(all)
}

// scratch is the one directory that any user may write to.
const scratch = "tmp"

func attribute(e *facts.Entry) string {
	_, capable := e.Xattrs["security.capability"]
	open := e.Mode&0o022 != 0 && (e.Path != scratch || e.Mode&0o1000 == 0)
	switch {
	case e.Type == image.Symlink:
		return ""
	case e.Type.Special():
		return string(e.Type)
	case e.Mode&0o6000 != 0:
		return "setuid or setgid bit"
	case capable:
		return "file capability"
	case e.UID != 0 || e.GID != 0:
		return fmt.Sprintf("owner %d:%d", e.UID, e.GID)
	case open:
		return "writable for group or others"
	}
	return ""
}

// Without leaves out what the manifest allows.
func Without(all []Forbidden, allow []manifest.Allow) []Forbidden {
	return slices.DeleteFunc(slices.Clone(all), func(f Forbidden) bool {
		return f.Program != "" && slices.ContainsFunc(allow, func(a manifest.Allow) bool {
			return a.Program == f.Program || strings.HasPrefix(f.Program, a.Program+"-")
		})
	})
}

// listed is how many forbidden files an error spells out.
const listed = 20

// Refuse is the error for a base with forbidden files, or nil without any: it
// lists the first of them and offers to leave them out.
func Refuse(platform, digest string, all []Forbidden) error {
	if len(all) == 0 {
		return nil
	}
	var lines []string
	for _, f := range all[:min(listed, len(all))] {
		lines = append(lines, fmt.Sprintf("/%s: %s", f.Path, f.What))
	}
	if more := len(all) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return fault.New(fault.Denied, "checking base image %s for %s: %d files may not be in a locked image:\n  %s", digest, platform, len(all), strings.Join(lines, "\n  ")).
		Hint("set `base.flatten: true` to build on a copy without them, and lock again; or use a smaller base")
}
