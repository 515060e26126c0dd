package unpack

import (
	"cmp"
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

// batch is what a worker writes in one go: source files that are compiled
// together, or one other file.
type batch struct {
	files  []storeFile
	source bool
}

func (b batch) size() (n int64) {
	for _, f := range b.files {
		n += f.file.Size
	}
	return n
}

// wheels unpacks the wheels of a WheelsSpec into their store directories and
// compiles their source. Both run side by side: source files are handed to a
// compiler as soon as they are written.
func wheels(s *step) error {
	var spec WheelsSpec
	if err := s.spec(&spec); err != nil {
		return err
	}
	jobs := workers(spec.Jobs)
	batches, err := s.openWheels(&spec, jobs)
	if err != nil {
		return err
	}
	out := newOutput(s.out, spec.Epoch)
	if err := makeDirs(out, spec.Python, batches); err != nil {
		return err
	}
	// Room for all: an unpacking worker never waits for a compiler.
	sources := make(chan chunk, countSources(batches))
	g := newGroup()
	unpackInto(g, out, spec.Python, jobs, batches, sources)
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

// openWheels checks and opens all wheels, and lists what to write: source
// first, since compiling takes longest, and large before small, so that no
// worker is left with much to do at the end.
func (s *step) openWheels(spec *WheelsSpec, jobs int) ([]batch, error) {
	lists := make([][]batch, len(spec.Wheels))
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
	batches := slices.Concat(lists...)
	slices.SortStableFunc(batches, func(a, b batch) int {
		switch {
		case a.source == b.source:
			return cmp.Compare(b.size(), a.size())
		case a.source:
			return -1
		default:
			return 1
		}
	})
	return batches, nil
}

// openWheel lists what one wheel consists of. Source files of one wheel only are
// compiled together: its bytecode is the same in whatever company it comes.
func (s *step) openWheel(spec *WheelsSpec, f WheelFile) ([]batch, error) {
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
	var batches []batch
	var sources []storeFile
	for _, file := range site.Files {
		sf := storeFile{w, file, path.Join(spec.Root[1:], f.Key, file.Path)}
		if venv.IsSource(file.Path) {
			sources = append(sources, sf)
		} else {
			batches = append(batches, batch{files: []storeFile{sf}})
		}
	}
	for _, files := range chunks(sources, func(f storeFile) int64 { return f.file.Size }) {
		batches = append(batches, batch{files, true})
	}
	return batches, nil
}

func countSources(batches []batch) int {
	n := 0
	for _, b := range batches {
		if b.source {
			n++
		}
	}
	return n
}

// makeDirs makes all directories, those for bytecode included.
func makeDirs(out *output, minor venv.Python, batches []batch) error {
	for _, b := range batches {
		for _, f := range b.files {
			dir := path.Dir(f.path)
			if b.source {
				dir = path.Dir(minor.Bytecode(f.path))
			}
			if err := out.dir(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpackInto starts workers in g that write files, hand source on, and close
// sources after the last one.
func unpackInto(g *group, out *output, minor venv.Python, jobs int, batches []batch, sources chan<- chunk) {
	queue := make(chan batch, len(batches))
	for _, b := range batches {
		queue <- b
	}
	close(queue)
	var working sync.WaitGroup
	working.Add(jobs)
	for range jobs {
		g.run(func() error {
			defer working.Done()
			for b := range queue {
				if g.ctx.Err() != nil {
					return nil
				}
				list, err := b.write(out, minor)
				if err != nil {
					return err
				}
				if b.source {
					sources <- list
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

// write unpacks the batch, and returns what there is to compile.
func (b batch) write(out *output, minor venv.Python) (chunk, error) {
	list := make(chunk, 0, len(b.files))
	for _, f := range b.files {
		if err := f.write(out); err != nil {
			return nil, err
		}
		list = append(list, source{out.path(f.path), minor.Bytecode(f.path), "/" + f.path})
	}
	return list, nil
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
func (s *step) compileInto(g *group, out *output, minor venv.Python, jobs int, sources <-chan chunk) {
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
