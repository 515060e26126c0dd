package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// exchange is a line of the stand-in's journal: a request that it was sent.
type exchange struct {
	At     time.Time `json:"at"` // when it had arrived
	Path   string    `json:"path"`
	Body   string    `json:"body"`
	Status int       `json:"status"` // of the answer

	run   string // whose result was written, "" for anything else
	state state
}

// state is what a result says of a run.
type state struct {
	Status string `json:"status"`
	Report string `json:"report"`
}

func (s state) ended() bool { return s.Status != "" && s.Status != "RUNNING" }

// exchanges are read from the stand-in as they happen.
type exchanges struct {
	pipe *os.File

	mu       sync.Mutex
	watchers map[*watcher]bool
}

// watcher gets the first exchange that it looks for.
type watcher struct {
	want  func(exchange) bool
	found chan exchange
}

// openExchanges makes the pipe that the stand-in writes its journal to.
func openExchanges(path string) (*exchanges, error) {
	if err := errors.Join(os.RemoveAll(path), unix.Mkfifo(path, 0o600)); err != nil {
		return nil, err
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0) // does not wait for the other end
	if err != nil {
		return nil, err
	}
	e := &exchanges{pipe: pipe, watchers: map[*watcher]bool{}}
	go e.read()
	return e, nil
}

func (e *exchanges) read() {
	lines := bufio.NewReaderSize(e.pipe, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return // the pipe was closed
		}
		x, err := parseExchange(line)
		if err != nil {
			continue // the stand-in's own; nobody waits for it
		}
		e.mu.Lock()
		for w := range e.watchers {
			if w.want(x) {
				delete(e.watchers, w)
				w.found <- x
			}
		}
		e.mu.Unlock()
	}
}

func parseExchange(line []byte) (x exchange, err error) {
	if err := json.Unmarshal(line, &x); err != nil {
		return x, err
	}
	if !strings.Contains(x.Path, "action=ingestProposal") || !strings.Contains(x.Body, "dataHubExecutionRequestResult") {
		return x, nil
	}
	var request struct {
		Proposal struct {
			URN    string `json:"entityUrn"`
			Aspect struct{ Value string }
			KeyOf  struct{ Value string } `json:"entityKeyAspect"`
		} `json:"proposal"`
	}
	if err := json.Unmarshal([]byte(x.Body), &request); err != nil {
		return x, err
	}
	p := request.Proposal
	var key struct {
		ID string `json:"id"`
	}
	if p.KeyOf.Value != "" {
		if err := json.Unmarshal([]byte(p.KeyOf.Value), &key); err != nil {
			return x, err
		}
	}
	x.run = key.ID
	if x.run == "" {
		x.run = p.URN[strings.LastIndex(p.URN, ":")+1:]
	}
	x.Body = ""
	return x, json.Unmarshal([]byte(p.Aspect.Value), &x.state)
}

// expect begins to look for an exchange. The function that it returns waits
// for it.
func (e *exchanges) expect(want func(exchange) bool) func(context.Context) (exchange, error) {
	w := &watcher{want, make(chan exchange, 1)}
	e.mu.Lock()
	e.watchers[w] = true
	e.mu.Unlock()
	return func(ctx context.Context) (exchange, error) {
		select {
		case x := <-w.found:
			return x, nil
		case <-ctx.Done():
			e.mu.Lock()
			delete(e.watchers, w)
			e.mu.Unlock()
			return exchange{}, context.Cause(ctx)
		}
	}
}

// expectEnd looks for the end of a run.
func (e *exchanges) expectEnd(run string) func(context.Context) (exchange, error) {
	return e.expect(func(x exchange) bool { return x.run == run && x.state.ended() && x.Status == 200 })
}

func (e *exchanges) close() error { return e.pipe.Close() }
