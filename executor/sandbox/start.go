package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// Protect keeps other processes of the same user, the children among them,
// from reading this one's memory, environment and descriptors, and this one
// from dumping core. execve undoes it, so it protects nothing in a child.
func Protect() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// Child is the executor's side of a trampoline.
type Child struct {
	request []byte
	to      *os.File
	from    *os.File
	theirs  []*os.File
	read    chan struct{}
	report  Report
}

// Wrap makes cmd a trampoline that starts cmd's program under a policy. Path,
// Args, Env and Dir are the program's, Dir absolute and writable; ExtraFiles
// has to be empty. mark tells its descendants from those of others, see
// [Mark]. After cmd.Start call Started, or Close where that failed.
func Wrap(cmd *exec.Cmd, p *Policy, mark uint64) (*Child, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("reading the sandbox policy: %w", err)
	}
	if len(cmd.ExtraFiles) != 0 {
		return nil, errors.New("a sandboxed program inherits no descriptors")
	}
	line, err := json.Marshal(request{Policy: *p, Argv: cmd.Args, Dir: cmd.Dir, Mark: mark})
	if err != nil {
		return nil, err
	}
	if len(line) > requestLimit {
		return nil, fmt.Errorf("the command line has more than %d bytes", requestLimit)
	}
	theirRequest, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, theirReport, err := os.Pipe()
	if err != nil {
		theirRequest.Close()
		to.Close()
		return nil, err
	}
	c := &Child{request: line, to: to, from: from, theirs: []*os.File{theirRequest, theirReport}, read: make(chan struct{})}
	cmd.ExtraFiles = c.theirs
	cmd.Path, cmd.Args = "/proc/self/exe", []string{"executor", Subcommand}
	if p.Trampoline != nil {
		cmd.Path, cmd.Args = p.Trampoline[0], p.Trampoline
	}
	return c, nil
}

// Started gives the trampoline its request and begins to read its report.
func (c *Child) Started() {
	for _, f := range c.theirs {
		f.Close()
	}
	go func() {
		// A trampoline that was killed reads nothing; its end says enough.
		_, _ = c.to.Write(c.request)
		c.to.Close()
	}()
	go func() {
		defer close(c.read)
		defer c.from.Close()
		c.report = readReport(c.from)
	}()
}

// Close gives everything back where the trampoline was not started.
func (c *Child) Close() {
	for _, f := range append(c.theirs, c.to, c.from) {
		f.Close()
	}
}

// Report returns what the trampoline said, once it became the program or ended.
func (c *Child) Report() Report {
	<-c.read
	return c.report
}

// readReport reads to the end: the descriptor closes on execve. A second
// report says that execve itself went wrong.
func readReport(r io.Reader) Report {
	report := Report{Error: "the trampoline ended before it reported"}
	decoder := json.NewDecoder(io.LimitReader(r, reportLimit))
	for {
		var next Report
		if err := decoder.Decode(&next); err != nil {
			return report
		}
		report = next
	}
}
