package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// warmUps are runs before the memory is first taken.
	warmUps = 500
	// atOnce is how many runs are requested and not ended, at most.
	atOnce = 16
)

// measureTasks takes the memory that many runs leave behind.
func measureTasks(ctx context.Context, w *world, r *results) error {
	p, err := w.serve(ctx, nil)
	if err != nil {
		return err
	}
	defer p.stop()
	if err := w.many(ctx, warmUps); err != nil {
		return fmt.Errorf("%w\n%s", err, p.log())
	}
	before := p.leastIdle(ctx)
	began := time.Now()
	if err := w.many(ctx, w.o.tasks); err != nil {
		return fmt.Errorf("%w\n%s", err, p.log())
	}
	r.TasksSeconds = seconds(time.Since(began))
	r.Tasks, r.TasksBefore, r.TasksAfter = w.o.tasks, before, p.leastIdle(ctx)
	return ctx.Err()
}

// leastIdle is the least memory of a process that has just become idle: what is
// left when it has given back the rest, and has not begun to wait yet.
func (p *process) leastIdle(ctx context.Context) int64 {
	least := p.rss()
	for end := time.Now().Add(settleTime); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, sampleEvery) {
		least = min(least, p.rss())
	}
	return least
}

// many does runs, some at once.
func (w *world) many(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	text := input(poolOurs, recipe("fake-noop", nil))
	waits := make(chan func(context.Context) (exchange, error), atOnce)
	failed := make(chan error, 1)
	go func() {
		var err error
		for wait := range waits {
			if err == nil {
				_, err = wait(ctx)
			}
		}
		failed <- err
	}()
	var err error
	for range count {
		run := w.newRun("task")
		wait := w.expectEnd(run)
		if err = w.request(ctx, run, text); err != nil {
			break
		}
		waits <- wait
	}
	close(waits)
	if ended := <-failed; err == nil {
		err = ended
	}
	return err
}
