package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lockforge/lockforge/bench/measure"
)

// otherRounds is how many of the rounds include the other executor, which
// takes a multiple of the time.
const otherRounds = 2

// measureNoOp takes an ingestion of one invented table into the stand-in, by
// hand and through both executors, in turns.
func measureNoOp(ctx context.Context, w *world, r *results) error {
	ours, err := w.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer ours.stop()
	theirs, err := w.serveOther(ctx)
	if err != nil {
		return err
	}
	defer theirs.stop()
	text := recipe(realPlugin, map[string]any{"gen_1": map[string]any{"enabled": true, "lineage_hops": 0}})
	if _, err := w.byHand(ctx, text); err != nil { // fills the page cache
		return err
	}
	for i := range w.o.rounds {
		hand, err := w.byHand(ctx, text)
		if err != nil {
			return err
		}
		r.ByHand = append(r.ByHand, hand)
		through, err := w.through(ctx, poolOurs, text)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, ours.log())
		}
		r.NoOp = append(r.NoOp, seconds(through.took))
		if i >= otherRounds {
			continue
		}
		other, err := w.through(ctx, poolOther, text)
		if err != nil {
			return fmt.Errorf("%w\n%s", err, theirs.log())
		}
		r.OtherNoOp = append(r.OtherNoOp, seconds(other.took))
	}
	return nil
}

// byHand runs the recipe as a user would.
func (w *world) byHand(ctx context.Context, recipe string) (measure.Sample, error) {
	file := filepath.Join(w.path("state"), "recipe.json")
	if err := os.WriteFile(file, []byte(recipe), 0o600); err != nil {
		return measure.Sample{}, err
	}
	c := measure.NewCommand(ctx, filepath.Join(w.venv(realPlugin), "bin", "datahub"), "ingest", "run", "-c", file)
	c.Env, c.Dir = w.environment(), w.path("state")
	return c.Run()
}

// runLimit bounds one run.
const runLimit = 3 * time.Minute

// passage is a run through an executor, as seen from outside.
type passage struct {
	began  time.Time     // when it was in the change log
	took   time.Duration // until its end had been sent to GMS
	report string
	// What fakecli says about itself.
	childBegan, childEnded time.Time
}

// through runs a recipe through the executor of a pool.
func (w *world) through(ctx context.Context, pool, recipe string) (passage, error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	run := w.newRun(pool)
	end := w.expectEnd(run)
	if err := w.request(ctx, run, input(pool, recipe)); err != nil {
		return passage{}, err
	}
	p := passage{began: time.Now()}
	x, err := end(ctx)
	if err != nil {
		return p, fmt.Errorf("waiting for the end of run %s: %w", run, err)
	}
	if x.state.Status != "SUCCESS" {
		return p, fmt.Errorf("run %s: %s\n%s", run, x.state.Status, x.state.Report)
	}
	p.took, p.report = x.At.Sub(p.began), x.state.Report
	p.childBegan, p.childEnded = stamps(p.report)
	return p, nil
}

// stamps finds fakecli's last line in a report.
func stamps(report string) (began, ended time.Time) {
	at := strings.LastIndex(report, "bench began=")
	if at < 0 {
		return began, ended
	}
	var from, to int64
	if _, err := fmt.Sscanf(report[at:], "bench began=%d ended=%d", &from, &to); err != nil {
		return began, ended
	}
	return time.Unix(0, from), time.Unix(0, to)
}
