package unpack

import (
	"bufio"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"

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

// chunk is a list of files that one process compiles in this order. What it
// holds must not depend on the number of workers: the bytes of a bytecode file
// may depend on the files before it.
type chunk []source

// Limits of a chunk: so much source takes about 100 ms, a hundred times what a
// fork costs.
const (
	maxChunkFiles = 64
	maxChunkBytes = 512 << 10
)

// chunks cuts a list into pieces whose total size is bounded. A file that is
// larger than the bound has a piece of its own.
func chunks[T any](list []T, size func(T) int64) [][]T {
	var pieces [][]T
	start, total := 0, int64(0)
	for i, item := range list {
		if n := size(item); i > start && (total+n > maxChunkBytes || i-start == maxChunkFiles) {
			pieces = append(pieces, list[start:i])
			start, total = i, 0
		}
		total += size(item)
	}
	if start < len(list) {
		pieces = append(pieces, list[start:])
	}
	return pieces
}

// compiler is a Python process that compiles one chunk after another, each in a
// fork of itself. One process serves a worker for the whole step.
type compiler struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	answers *bufio.Scanner

	complaints limitedBuffer // what the process says on stderr
}

// startCompiler starts the interpreter and checks that it is the right one. The
// environment holds the hash seed only; flags keep out the user's site-packages,
// the working directory and the module site.
func startCompiler(ctx context.Context, interpreter string, minor venv.Python) (*compiler, error) {
	cmd := exec.CommandContext(ctx, interpreter, "-s", "-S", "-P", "-B", "-W", "ignore", "-c", compileScript)
	cmd.Env = []string{"PYTHONHASHSEED=0", "PYTHONUTF8=1"}
	c := &compiler{cmd: cmd}
	cmd.Stderr = &c.complaints
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
	c.in, c.answers = in, bufio.NewScanner(out)
	c.answers.Buffer(nil, maxAnswer)
	if answer, err := c.answer(); err != nil || answer != string(minor) {
		c.stop()
		return nil, fault.New(fault.Internal, "starting %s: it says it is Python %q, want %q: %s", interpreter, answer, minor, c.complaints.String())
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

// inFlight is how many chunks a compiler has been given but not answered: with
// two, it never waits for us, and none hoards work.
const inFlight = 2

// compileAll compiles what comes from work until it is closed, and stamps the
// results.
func (c *compiler) compileAll(out *output, work <-chan chunk) error {
	var given []chunk
	settle := func() error {
		done := given[0]
		given = given[1:]
		return c.settle(out, done)
	}
	for list := range work {
		if err := c.give(out, list); err != nil {
			return err
		}
		if given = append(given, list); len(given) == inFlight {
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

func (c *compiler) give(out *output, list chunk) error {
	var lines strings.Builder
	for _, s := range list {
		fmt.Fprintf(&lines, "%s\t%s\t%s\n", s.file, out.path(s.bytecode), s.name)
	}
	lines.WriteByte('\n')
	if _, err := io.WriteString(c.in, lines.String()); err != nil {
		return fault.Wrap(fault.Internal, err, "compiling %s: %s", list[0].name, c.complaints.String())
	}
	return nil
}

func (c *compiler) settle(out *output, list chunk) error {
	switch answer, err := c.answer(); {
	case err != nil:
		return fault.Wrap(fault.Internal, err, "compiling %s: %s", list[0].name, c.complaints.String())
	case answer != "ok":
		return fault.New(fault.Internal, "compiling %s and what follows it: status %s: %s", list[0].name, answer, c.complaints.String())
	}
	for _, s := range list {
		if err := out.stamp(s.bytecode); err != nil {
			return err
		}
	}
	return nil
}

// limitedBuffer keeps the first bytes of what a process says. It is written and
// read by different goroutines.
type limitedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *limitedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if room := 4096 - l.b.Len(); room > 0 {
		l.b.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (l *limitedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.b.String())
}
