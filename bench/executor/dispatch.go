package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// otherDispatches is how many runs the other executor does: it takes two
// seconds for each.
const otherDispatches = 3

// measureDispatch takes runs of a CLI that does nothing, one after another, in
// turns with bare processes of the same program.
func measureDispatch(ctx context.Context, w *world, r *results) error {
	ours, err := w.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer ours.stop()
	text := recipe("fake-noop", nil)
	for range w.o.dispatches {
		bare, err := w.bare(ctx)
		if err != nil {
			return err
		}
		r.Bare = append(r.Bare, bare)
		p, err := w.through(ctx, poolOurs, text)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, ours.log())
		}
		d, err := p.dispatch()
		if err != nil {
			return err
		}
		r.Dispatch = append(r.Dispatch, d)
	}
	theirs, err := w.serveOther(ctx)
	if err != nil {
		return err
	}
	defer theirs.stop()
	for range otherDispatches {
		p, err := w.through(ctx, poolOther, text)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, theirs.log())
		}
		d, err := p.dispatch()
		if err != nil {
			return err
		}
		r.OtherDispatch = append(r.OtherDispatch, d)
	}
	return nil
}

// dispatch is a run of a CLI that does nothing, in milliseconds.
type dispatch struct {
	Start float64 `json:"start"` // from the request in the change log until the child ran
	End   float64 `json:"end"`   // from the child's end until GMS was sent that of the run
	Whole float64 `json:"whole"` // from the request until GMS was sent the end; of a bare process, until it was reaped
}

var errNoStamps = errors.New("the child's times are not in the report")

func (p passage) dispatch() (dispatch, error) {
	if p.childBegan.IsZero() {
		return dispatch{}, fmt.Errorf("%w:\n%s", errNoStamps, p.report)
	}
	return dispatch{
		Start: milliseconds(p.childBegan.Sub(p.began)),
		End:   milliseconds(p.began.Add(p.took).Sub(p.childEnded)),
		Whole: milliseconds(p.took),
	}, nil
}

// bare starts the program as simply as can be.
func (w *world) bare(ctx context.Context) (dispatch, error) {
	bin := filepath.Join(w.venv("fake-noop"), "bin")
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "python"), "-I", filepath.Join(bin, "datahub"), "ingest", "run", "-c", "-")
	var output bytes.Buffer
	cmd.Stdin, cmd.Stdout = strings.NewReader("{}"), &output
	p := passage{began: time.Now()}
	err := cmd.Run()
	p.took, p.report = time.Since(p.began), output.String()
	if err != nil {
		return dispatch{}, err
	}
	p.childBegan, p.childEnded = stamps(p.report)
	return p.dispatch()
}
