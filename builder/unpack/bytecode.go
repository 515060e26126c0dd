package unpack

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/venv"
)

//go:embed compile.py
var compileScript string

// maxAnswer bounds a line from a compiler process, in bytes.
const maxAnswer = 64 << 10

// source is a Python file to compile. The directory of the bytecode must exist.
type source struct {
	file     string // path on this machine
	bytecode string // path of the result, below the output's root
	name     string // path in the image, for tracebacks
}

// compiler is a Python process that compiles one file after another. One process
// serves a worker for the whole step: starting one costs as much as compiling
// several files.
type compiler struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner
}

// startCompiler starts the interpreter and checks that it is the right one. The
// environment holds the hash seed only; flags keep out the user's site-packages,
// the working directory and the module site.
func startCompiler(ctx context.Context, interpreter string, minor venv.Python) (*compiler, error) {
	cmd := exec.CommandContext(ctx, interpreter, "-s", "-S", "-P", "-B", "-W", "ignore", "-c", compileScript)
	cmd.Env = []string{"PYTHONHASHSEED=0", "PYTHONUTF8=1"}
	var complaints limitedBuffer
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting %s", interpreter)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting %s", interpreter)
	}
	if err := cmd.Start(); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting %s", interpreter)
	}
	c := &compiler{cmd: cmd, in: in, answers: bufio.NewScanner(out)}
	c.answers.Buffer(nil, maxAnswer)
	if answer, err := c.answer(); err != nil || answer != string(minor) {
		c.stop()
		return nil, fault.New(fault.Internal, "starting %s: it says it is Python %q, want %q: %s", interpreter, answer, minor, complaints.String())
	}
	return c, nil
}

func (c *compiler) stop() {
	c.in.Close()
	_ = c.cmd.Wait() // every answer has been checked; how the process ends says nothing more
}

func (c *compiler) answer() (string, error) {
	if c.answers.Scan() {
		return c.answers.Text(), nil
	}
	if err := c.answers.Err(); err != nil {
		return "", err
	}
	return "", io.ErrUnexpectedEOF
}

// inFlight is how many files a compiler process has been given but not answered:
// with two, it never waits for us, and none hoards work.
const inFlight = 2

// compileAll compiles what comes from work until it is closed, and stamps the
// results.
func (c *compiler) compileAll(out *output, work <-chan source) error {
	var given []source
	settle := func() error {
		done := given[0]
		given = given[1:]
		answer, err := c.answer()
		if err != nil {
			return fault.Wrap(fault.Internal, err, "compiling %s", done.name)
		}
		if answer != "ok" && answer != "stub" {
			return fault.New(fault.Internal, "compiling %s: %s", done.name, answer)
		}
		return out.stamp(done.bytecode)
	}
	for s := range work {
		if _, err := fmt.Fprintf(c.in, "%s\t%s\t%s\n", s.file, out.path(s.bytecode), s.name); err != nil {
			return fault.Wrap(fault.Internal, err, "compiling %s", s.name)
		}
		if given = append(given, s); len(given) == inFlight {
			if err := settle(); err != nil {
				return err
			}
		}
	}
	for len(given) > 0 {
		if err := settle(); err != nil {
			return err
		}
	}
	return nil
}

// limitedBuffer keeps the first bytes of what a process says.
type limitedBuffer struct{ b strings.Builder }

func (l *limitedBuffer) Write(p []byte) (int, error) {
	if room := 4096 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limitedBuffer) String() string { return strings.TrimSpace(l.b.String()) }
