package task

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// pipes carries a child's three streams. The child gets plain files, so that
// its exit is noticed by its process and not by the end of its output.
type pipes struct {
	childs []*os.File // our copies of the child's ends, closed once it has started
	ours   []*os.File
	copies sync.WaitGroup
	begin  []func()
}

func connect(cmd *exec.Cmd, s Spec) (*pipes, error) {
	p := &pipes{}
	in, out, errs := &cmd.Stdin, &cmd.Stdout, &cmd.Stderr
	if s.Stdin != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		*in = r
		p.childs, p.ours = append(p.childs, r), append(p.ours, w)
		// A child that never reads its input must not keep the run from
		// ending, so this copy is not waited for: close ends it.
		p.begin = append(p.begin, func() {
			go func() {
				_, _ = io.Copy(w, s.Stdin)
				w.Close()
			}()
		})
	}
	for _, stream := range []struct {
		file *io.Writer
		to   io.Writer
	}{{out, s.Stdout}, {errs, s.Stderr}} {
		r, w, err := os.Pipe()
		if err != nil {
			p.close()
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		*stream.file = w
		p.childs, p.ours = append(p.childs, w), append(p.ours, r)
		p.begin = append(p.begin, func() {
			p.copies.Add(1)
			go func() {
				defer p.copies.Done()
				_, _ = io.Copy(stream.to, r)
			}()
		})
	}
	return p, nil
}

// started closes the child's ends and begins to copy.
func (p *pipes) started() {
	for _, f := range p.childs {
		f.Close()
	}
	for _, begin := range p.begin {
		begin()
	}
}

// drain waits for the rest of the output, at most for the given time.
func (p *pipes) drain(atMost time.Duration) {
	done := make(chan struct{})
	go func() { p.copies.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(atMost):
	}
	p.close()
	<-done
}

func (p *pipes) close() {
	for _, f := range append(p.childs, p.ours...) {
		f.Close()
	}
}
