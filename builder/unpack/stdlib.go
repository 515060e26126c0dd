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
	modules, err := s.modules(spec.Python)
	if err != nil {
		return err
	}
	out := newOutput(s.out, spec.Epoch)
	for _, m := range modules {
		if err := out.dir(path.Dir(m.bytecode)); err != nil {
			return err
		}
	}
	pieces := chunks(modules, func(m module) int64 { return m.size })
	work := make(chan chunk, len(pieces))
	for _, piece := range pieces {
		var list chunk
		for _, m := range piece {
			list = append(list, m.source)
		}
		work <- list
	}
	close(work)
	g := newGroup()
	s.compileInto(g, out, spec.Python, min(workers(spec.Jobs), len(pieces)), work)
	if err := g.wait(); err != nil {
		return err
	}
	return out.finish()
}

// module is a source file of the interpreter.
type module struct {
	source
	size int64
}

// modules lists the interpreter's source files, sorted, without dist-packages.
func (s *step) modules(minor venv.Python) ([]module, error) {
	lib := "usr/lib/python" + string(minor)
	var modules []module
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
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil {
			modules = append(modules, module{source{file, minor.Bytecode(name), "/" + name}, info.Size()})
		}
		return err
	})
	if err == nil && len(modules) == 0 {
		return nil, fault.New(fault.Internal, "listing modules: none in /%s", lib)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "listing modules of /%s", lib)
	}
	return modules, nil
}
