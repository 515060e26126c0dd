package solve

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"syscall"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	gateway "github.com/moby/buildkit/frontend/gateway/client"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/graph"
	"github.com/lockforge/lockforge/builder/pack"
	"github.com/lockforge/lockforge/builder/progress"
)

// Outcome says what came of a proof.
type Outcome string

const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	NotRun Outcome = "not run" // the platform cannot run on the build host
)

// Proof is the result of importing one source's class in the image.
type Proof struct {
	Platform string  `json:"platform"`
	Plugin   string  `json:"plugin"`
	Source   string  `json:"source"`
	Class    string  `json:"class"`
	Venv     string  `json:"venv"`
	Outcome  Outcome `json:"outcome"`
	Missing  string  `json:"missing,omitempty"` // the module or library that is not there
	Error    string  `json:"error,omitempty"`
}

// Prove runs every proof of the graph and returns their results in order. Where
// some failed, the error is fault.Build with one problem each, and the results
// are returned as well. Results of an earlier run in the same state are used
// again for the same image.
func Prove(ctx context.Context, c *Client, g *graph.Graph, open pack.Opener, sink progress.Sink) ([]Proof, error) {
	proofs, err := g.Proofs()
	if err != nil {
		return nil, err
	}
	in := newInputs(g.Content, open)
	defer in.close()
	opt := client.SolveOpt{OCIStores: map[string]content.Store{graph.StoreID: in}, Internal: true}
	failed := make([]error, len(proofs))
	ch := make(chan *client.SolveStatus)
	follower := follow(ch, sink, graph.IsProof)
	_, err = c.bk.Build(ctx, opt, "lockforge", runProofs(proofs, failed), ch)
	follower.wait()
	if err == nil && follower.full() {
		err = syscall.ENOSPC // no import has failed for that
	}
	if err != nil {
		return nil, explain(ctx, err, follower, c)
	}
	results := make([]Proof, len(proofs))
	var problems []error
	for i, p := range proofs {
		results[i] = judge(p, failed[i], follower)
		if results[i].Outcome == Failed {
			problems = append(problems, fault.New(fault.Build, "plugin %s: source %s cannot be imported in %s (%s): %s", p.Plugin, p.Source, p.Venv, p.Platform, results[i].Error).
				Hint("lock the missing library, or take the plugin out"))
		}
	}
	return results, errors.Join(problems...)
}

// runProofs evaluates all proofs side by side, as many at once as the engine
// allows, and keeps their errors apart.
func runProofs(proofs []graph.Proof, failed []error) gateway.BuildFunc {
	return func(ctx context.Context, c gateway.Client) (*gateway.Result, error) {
		var group sync.WaitGroup
		for i, p := range proofs {
			if p.Definition == nil {
				continue
			}
			group.Go(func() {
				_, failed[i] = solveDefinition(ctx, c, p.Definition, true)
			})
		}
		group.Wait()
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		return gateway.NewResult(), nil
	}
}

// judge makes a result out of a step's end and its output.
func judge(p graph.Proof, err error, f *follower) Proof {
	r := Proof{Platform: p.Platform, Plugin: p.Plugin, Source: p.Source, Class: p.Class, Venv: p.Venv, Outcome: Passed}
	if p.Definition == nil {
		r.Outcome = NotRun
		return r
	}
	if err == nil {
		return r
	}
	// Where the program has not come to saying what is missing, the last line is
	// what is known best. BuildKit's error begins with the whole program.
	r.Outcome, r.Error = Failed, err.Error()
	if i := strings.LastIndex(r.Error, "did not complete successfully"); i >= 0 {
		r.Error = r.Error[i:]
	}
	for _, line := range f.output(p.Step) {
		text, ok := strings.CutPrefix(line, graph.ProofPrefix)
		if !ok && strings.TrimSpace(line) != "" {
			r.Error = line
		}
		var said struct{ Missing, Error string }
		if ok && json.Unmarshal([]byte(text), &said) == nil {
			r.Missing, r.Error = said.Missing, said.Error
		}
	}
	return r
}
