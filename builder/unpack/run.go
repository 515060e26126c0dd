package unpack

import (
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

// step is one run of the program.
type step struct {
	in     *inputs
	dir    string // of the specification and the inputs, "/in"
	out    string // where to write, "/out"
	root   string // root file system whose interpreter and modules are used, "/"
	python string // path of the interpreter; empty is the specification's own
	stderr io.Writer
}

// commands are what the program can do. Each reads its own specification.
var commands = map[string]func(*step) error{
	"debs":   debs,
	"stdlib": stdlib,
	"wheels": wheels,
	"tree":   tree,
	"sdist":  sdist,
}

const usage = "usage: unpack debs|stdlib|wheels|tree|sdist [-in DIR] [-out DIR] [-root DIR] [-python FILE]"

// Run runs one step, as args (without the program's name) say, and returns the
// exit code: 0, or 1 after one line on stderr. The flags replace /in, /out, the
// root file system and the interpreter, for runs outside of a build step.
func Run(args []string, _ io.Reader, _, stderr io.Writer) int {
	// Files get exactly the modes they are made with.
	defer syscall.Umask(syscall.Umask(0))
	if err := run(args, stderr); err != nil {
		fmt.Fprintf(stderr, "unpack: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

func run(args []string, stderr io.Writer) error {
	if len(args) == 0 || commands[args[0]] == nil {
		return fault.New(fault.Usage, "%s", usage)
	}
	s := &step{stderr: stderr}
	flags := flag.NewFlagSet("unpack", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&s.dir, "in", "/in", "")
	flags.StringVar(&s.out, "out", "/out", "")
	flags.StringVar(&s.root, "root", "/", "")
	flags.StringVar(&s.python, "python", "", "")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() != 0 {
		return fault.New(fault.Usage, "%s", usage)
	}
	var err error
	if s.out, err = filepath.Abs(s.out); err != nil { // a backend runs in another directory
		return fault.Wrap(fault.Usage, err, "finding output %s", s.out)
	}
	if s.in, err = openInputs(s.dir); err != nil {
		return err
	}
	defer s.in.close()
	return commands[args[0]](s)
}

// spec reads the step's specification.
func (s *step) spec(into interface{ check() error }) error {
	if err := decode(filepath.Join(s.dir, "spec.json"), into); err != nil {
		return err
	}
	return into.check()
}

// interpreter is the path of the interpreter that the step runs.
func (s *step) interpreter(minor venv.Python) string {
	if s.python != "" {
		return s.python
	}
	return minor.Interpreter()
}
