package unpack

import (
	"io"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// tree writes the entries of a TreeSpec.
func tree(s *step) error {
	var spec TreeSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	out := newOutput(s.out, spec.Epoch)
	for _, e := range spec.Entries {
		if err := s.entry(out, e); err != nil {
			return err
		}
	}
	return out.finish()
}

func (s *step) entry(out *output, e TreeEntry) error {
	switch {
	case e.Type == venv.Dir:
		return out.dirMode(e.Path, e.Mode)
	case e.Type == venv.Link:
		return out.link(e.Path, e.Target)
	case e.From == "":
		return out.content(e.Path, e.Mode, []byte(e.Content))
	}
	r, err := s.in.open(Input{e.From, e.SHA256})
	if err != nil {
		return err
	}
	return out.file(e.Path, e.Mode, func(w io.Writer) error {
		if _, err := io.Copy(w, r); err != nil {
			return fault.Wrap(fault.Internal, err, "writing %s", e.Path)
		}
		return nil
	})
}
