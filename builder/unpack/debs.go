package unpack

import (
	"errors"
	"fmt"
	"os"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/rootfs"
	"github.com/lockforge/lockforge/builder/venv"
)

// DebsSpec is the specification of "debs": Debian packages that become the OS
// part of an image (package rootfs). Every package is needed whatever Part
// says, because the loader cache and the checks look at all of them.
type DebsSpec struct {
	Epoch    int64    `json:"epoch"`
	Suite    string   `json:"suite"` // "trixie"
	Arch     string   `json:"arch"`  // "amd64"
	User     int      `json:"user"`  // uid and gid of the image's user
	Programs []string `json:"programs,omitempty"`
	// Part is what is written below the output directory; "" writes both, each
	// into a directory of its name there, at the cost of one.
	Part rootfs.Part `json:"part,omitempty"`
	Debs []Input     `json:"debs"`
}

func (s *DebsSpec) check() error {
	var problems []error
	if s.Part != "" && s.Part != rootfs.OS && s.Part != rootfs.Python {
		problems = append(problems, fmt.Errorf("part %q", s.Part))
	}
	if s.User <= 0 {
		problems = append(problems, fmt.Errorf("user %d", s.User))
	}
	if len(s.Debs) == 0 {
		problems = append(problems, errors.New("no packages"))
	}
	seen := map[string]bool{}
	for _, d := range s.Debs {
		problems = append(problems, d.check())
		if seen[d.SHA256] {
			problems = append(problems, fmt.Errorf("package %q is there twice", d.File))
		}
		seen[d.SHA256] = true
	}
	return refuse(problems)
}

// debs writes the OS part.
func debs(s *step) error {
	var spec DebsSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	var packages []*deb.Archive
	for _, input := range spec.Debs {
		r, err := s.in.open(input)
		if err != nil {
			return err
		}
		p, err := deb.Open(r, r.Size())
		if err != nil {
			return fault.Wrap(fault.KindOf(err), err, "opening package %s", input.File)
		}
		packages = append(packages, p)
	}
	t, err := rootfs.Build(rootfs.Spec{Suite: spec.Suite, Arch: spec.Arch, User: spec.User, Programs: spec.Programs}, packages)
	if err != nil {
		return err
	}
	if spec.Part != "" {
		return writeEntries(newOutput(s.out, spec.Epoch), t.Of(spec.Part))
	}
	for _, part := range []rootfs.Part{rootfs.OS, rootfs.Python} {
		dir := s.out + "/" + string(part)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fault.Wrap(fault.Internal, err, "making directory %s", dir)
		}
		if err := writeEntries(newOutput(dir, spec.Epoch), t.Of(part)); err != nil {
			return err
		}
	}
	return nil
}

func writeEntries(out *output, entries []venv.Entry) error {
	for _, e := range entries {
		var err error
		switch e.Type {
		case venv.Dir:
			err = out.dirMode(e.Path, e.Mode)
		case venv.Link:
			err = out.link(e.Path, e.Target)
		default:
			err = out.content(e.Path, e.Mode, []byte(e.Content))
		}
		if err != nil {
			return err
		}
	}
	return out.finish()
}
