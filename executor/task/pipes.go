package task

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// pipes carries a child's three streams. The child gets plain files, so that
// its exit is noticed by its process and not by the end of its output.
type pipes struct {
	child  [3]*os.File // our copies of its ends, closed once it has started; nil is none
	ours   []*os.File
	copies sync.WaitGroup
	begin  []func()
}

func connect(s Spec) (*pipes, error) {
	p := &pipes{}
	if s.Stdin != nil {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		p.child[0], p.ours = r, append(p.ours, w)
		// A child that never reads its input must not keep the run from
		// ending, so this copy is not waited for: close ends it.
		p.begin = append(p.begin, func() {
			go func() {
				_, _ = io.Copy(w, s.Stdin)
				w.Close()
			}()
		})
	}
	for i, to := range []io.Writer{s.Stdout, s.Stderr} {
		r, w, err := os.Pipe()
		if err != nil {
			p.close()
			return nil, fmt.Errorf("making a pipe: %w", err)
		}
		p.child[1+i], p.ours = w, append(p.ours, r)
		p.begin = append(p.begin, func() {
			p.copies.Add(1)
			go func() {
				defer p.copies.Done()
				_, _ = io.Copy(to, r)
			}()
		})
	}
	return p, nil
}

// started closes the child's ends and begins to copy.
func (p *pipes) started() {
	for _, f := range p.child {
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
	for _, f := range append(p.child[:], p.ours...) {
		f.Close()
	}
}
