package unpack

import (
	"io"
	"path"
	"runtime"
	"slices"
	"sync"

	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
)

// storeFile is one file of a store directory that is to be written.
type storeFile struct {
	wheel *wheel.Wheel
	file  venv.File
	path  string // below the output's root
}

// wheels unpacks the wheels of a WheelsSpec into their store directories and
// compiles their source. Both run side by side: a source file is handed to a
// compiler as soon as it is written.
func wheels(s *step) error {
	var spec WheelsSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	jobs := workers(spec.Jobs)
	files, err := s.openWheels(&spec, jobs)
	if err != nil {
		return err
	}
	out := newOutput(s.out, spec.Epoch)
	if err := makeDirs(out, spec.Python, files); err != nil {
		return err
	}
	// Room for all: an unpacking worker never waits for a compiler.
	sources := make(chan source, countSources(files))
	g := newGroup()
	unpackInto(g, out, spec.Python, jobs, files, sources)
	s.compileInto(g, out, spec.Python, min(jobs, cap(sources)), sources)
	if err := g.wait(); err != nil {
		return err
	}
	return out.finish()
}

func workers(jobs int) int {
	if jobs == 0 {
		return runtime.GOMAXPROCS(0)
	}
	return jobs
}

// openWheels checks and opens all wheels, and lists their files: source first,
// since compiling takes longest, and large before small, so that no worker is
// left with a large file at the end.
func (s *step) openWheels(spec *WheelsSpec, jobs int) ([]storeFile, error) {
	lists := make([][]storeFile, len(spec.Wheels))
	indexes := make(chan int, len(spec.Wheels))
	for i := range spec.Wheels {
		indexes <- i
	}
	close(indexes)
	g := newGroup()
	for range min(jobs, len(spec.Wheels)) {
		g.run(func() error {
			for i := range indexes {
				if g.ctx.Err() != nil {
					return nil
				}
				var err error
				if lists[i], err = s.openWheel(spec, spec.Wheels[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := g.wait(); err != nil {
		return nil, err
	}
	files := slices.Concat(lists...)
	slices.SortStableFunc(files, func(a, b storeFile) int {
		if sourceA, sourceB := venv.IsSource(a.path), venv.IsSource(b.path); sourceA != sourceB {
			if sourceA {
				return -1
			}
			return 1
		}
		return int(b.file.Size - a.file.Size)
	})
	return files, nil
}

func (s *step) openWheel(spec *WheelsSpec, f WheelFile) ([]storeFile, error) {
	r, err := s.in.open(f.Input)
	if err != nil {
		return nil, err
	}
	w, err := wheel.Open(r, r.Size(), f.File)
	if err != nil {
		return nil, err
	}
	site, err := venv.Site(w, spec.Python)
	if err != nil {
		return nil, err
	}
	files := make([]storeFile, 0, len(site.Files))
	for _, file := range site.Files {
		files = append(files, storeFile{w, file, path.Join(spec.Root[1:], f.Key, file.Path)})
	}
	return files, nil
}

func countSources(files []storeFile) int {
	n := 0
	for _, f := range files {
		if venv.IsSource(f.path) {
			n++
		}
	}
	return n
}

// makeDirs makes all directories, those for bytecode included.
func makeDirs(out *output, minor venv.Python, files []storeFile) error {
	for _, f := range files {
		dir := path.Dir(f.path)
		if venv.IsSource(f.path) {
			dir = path.Dir(minor.Bytecode(f.path))
		}
		if err := out.dir(dir); err != nil {
			return err
		}
	}
	return nil
}

// unpackInto starts workers in g that write files, hand source on, and close
// sources after the last one.
func unpackInto(g *group, out *output, minor venv.Python, jobs int, files []storeFile, sources chan<- source) {
	queue := make(chan storeFile, len(files))
	for _, f := range files {
		queue <- f
	}
	close(queue)
	var working sync.WaitGroup
	working.Add(jobs)
	for range jobs {
		g.run(func() error {
			defer working.Done()
			for f := range queue {
				if g.ctx.Err() != nil {
					return nil
				}
				if err := f.write(out); err != nil {
					return err
				}
				if venv.IsSource(f.path) {
					sources <- source{out.path(f.path), minor.Bytecode(f.path), "/" + f.path}
				}
			}
			return nil
		})
	}
	g.run(func() error {
		working.Wait()
		close(sources)
		return nil
	})
}

// write unpacks the file; its content is checked on the way.
func (f storeFile) write(out *output) error {
	return out.file(f.path, f.file.Mode, func(w io.Writer) error {
		if f.file.Member == nil {
			_, err := w.Write(f.file.Content)
			return err
		}
		_, err := f.wheel.Copy(w, f.file.Member)
		return err
	})
}

// compileInto starts compilers in g that take their work from sources.
func (s *step) compileInto(g *group, out *output, minor venv.Python, jobs int, sources <-chan source) {
	for range jobs {
		g.run(func() error {
			c, err := startCompiler(g.ctx, s.interpreter(minor), minor)
			if err != nil {
				return err
			}
			defer c.stop()
			return c.compileAll(out, sources)
		})
	}
}
