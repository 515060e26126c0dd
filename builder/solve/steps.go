package solve

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/moby/buildkit/client"
	digest "github.com/opencontainers/go-digest"

	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/progress"
)

const (
	// hiddenPrefix marks vertices that are no step of a user's.
	hiddenPrefix = "["
	keptLogLines = 20
)

// Step is how one build step went.
type Step struct {
	Name    string  `json:"name"`
	Cached  bool    `json:"cached"`
	Seconds float64 `json:"seconds"`
}

// follower translates BuildKit's status messages to steps.
type follower struct {
	sink     progress.Sink
	visible  func(name string) bool
	vertices map[digest.Digest]*vertex
	order    []*vertex
	done     chan struct{}
}

type vertex struct {
	name    string
	step    progress.Step
	ended   bool
	cached  bool
	failed  string
	took    time.Duration
	partial string   // an unfinished line of output
	log     []string // the last lines
}

// follow reads messages until ch is closed; wait returns after that. Steps that
// are not visible are shown only when they fail.
func follow(ch <-chan *client.SolveStatus, sink progress.Sink, visible func(name string) bool) *follower {
	f := &follower{sink: sink, visible: visible, vertices: map[digest.Digest]*vertex{}, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		for s := range ch {
			f.take(s)
		}
		for _, v := range f.order {
			v.end(errUnfinished)
		}
	}()
	return f
}

var errUnfinished = errors.New("not finished")

func (f *follower) wait() { <-f.done }

func (f *follower) take(s *client.SolveStatus) {
	for _, m := range s.Vertexes {
		f.takeVertex(m)
	}
	for _, m := range s.Statuses {
		if v := f.vertices[m.Vertex]; v != nil && v.step != nil && !v.ended && m.Total > 0 {
			v.step.Advance(m.Current, m.Total)
		}
	}
	for _, m := range s.Logs {
		if v := f.vertices[m.Vertex]; v != nil {
			v.write(string(m.Data))
		}
	}
}

func (f *follower) takeVertex(m *client.Vertex) {
	v := f.vertices[m.Digest]
	if v == nil {
		v = &vertex{name: userName(m.Name)}
		f.vertices[m.Digest] = v
		f.order = append(f.order, v)
	}
	if m.Started != nil && v.step == nil && (f.visible(v.name) || m.Error != "") {
		v.step = f.sink.Begin(v.name)
	}
	if m.Cached && !v.cached {
		v.cached = true
		if v.step != nil {
			v.step.Cached()
		}
	}
	if m.Started != nil && m.Completed != nil {
		// A vertex can run in several spells; the last one counts from its own start.
		v.took = m.Completed.Sub(*m.Started)
		v.failed = m.Error
		var err error
		if m.Error != "" {
			err = errors.New(m.Error)
		}
		v.end(err)
	}
}

// isStep tells steps from the inputs and merges between them.
func isStep(name string) bool { return !strings.HasPrefix(name, hiddenPrefix) }

// userName replaces BuildKit's own names of vertices.
func userName(name string) string {
	switch {
	case strings.HasPrefix(name, "exporting to "):
		return "image: compressing and writing layers"
	case name == "merge":
		return "[merge]"
	}
	return name
}

func (v *vertex) end(err error) {
	if v.ended || v.step == nil {
		return
	}
	if v.partial != "" {
		v.write("\n")
	}
	v.ended = true
	v.step.End(err)
}

func (v *vertex) write(data string) {
	lines := strings.Split(v.partial+data, "\n")
	v.partial = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		v.log = append(v.log, line)
		// What a proof reports is for this program.
		if v.step != nil && !v.ended && !strings.HasPrefix(line, graph.ProofPrefix) {
			v.step.Log(line)
		}
	}
	if extra := len(v.log) - keptLogLines; extra > 0 {
		v.log = slices.Delete(v.log, 0, extra)
	}
}

// failure returns the step that failed, and the end of its output. A step that
// was cancelled because another one failed is not it.
func (f *follower) failure() (name, log string) {
	for _, v := range f.order {
		if v.failed == "" || strings.Contains(v.failed, "context canceled") {
			continue
		}
		lines := v.log
		if v.partial != "" {
			lines = append(slices.Clone(lines), v.partial)
		}
		// A step that waited for a failed one fails with it, in silence.
		if log = strings.Join(lines, "\n"); log != "" {
			return v.name, log
		}
		name = cmp.Or(name, v.name)
	}
	return name, ""
}

// full says that a step failed for want of space.
func (f *follower) full() bool {
	return slices.ContainsFunc(f.order, func(v *vertex) bool {
		return v.failed != "" && (full(v.failed) || full(v.partial) || slices.ContainsFunc(v.log, full))
	})
}

// steps lists the finished steps in the order they became known.
func (f *follower) steps() []Step {
	var steps []Step
	for _, v := range f.order {
		if v.step != nil {
			steps = append(steps, Step{Name: v.name, Cached: v.cached, Seconds: v.took.Seconds()})
		}
	}
	return steps
}

// output returns the last lines that a step printed.
func (f *follower) output(name string) []string {
	for _, v := range f.order {
		if v.name == name {
			return v.log
		}
	}
	return nil
}
