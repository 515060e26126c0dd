package unpack

import (
	"io/fs"
	"path"
	"path/filepath"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// stdlib compiles the modules of the interpreter that the step runs on, as a
// package's maintainer script would have done.
func stdlib(s *step) error {
	var spec StdlibSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	sources, err := s.modules(spec.Python)
	if err != nil {
		return err
	}
	out := newOutput(s.out, spec.Epoch)
	work := make(chan source, len(sources))
	for _, src := range sources {
		if err := out.dir(path.Dir(src.bytecode)); err != nil {
			return err
		}
		work <- src
	}
	close(work)
	g := newGroup()
	s.compileInto(g, out, spec.Python, min(workers(spec.Jobs), len(sources)), work)
	if err := g.wait(); err != nil {
		return err
	}
	return out.finish()
}

// modules lists the interpreter's source files, without dist-packages.
func (s *step) modules(minor venv.Python) ([]source, error) {
	lib := "usr/lib/python" + string(minor)
	var sources []source
	err := filepath.WalkDir(filepath.Join(s.root, lib), func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "dist-packages":
			return fs.SkipDir
		case !d.Type().IsRegular() || !venv.IsSource(file):
			return nil
		}
		name, err := filepath.Rel(s.root, file)
		if err == nil {
			sources = append(sources, source{file, minor.Bytecode(name), "/" + name})
		}
		return err
	})
	if err == nil && len(sources) == 0 {
		return nil, fault.New(fault.Internal, "listing modules: none in /%s", lib)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "listing modules of /%s", lib)
	}
	return sources, nil
}
