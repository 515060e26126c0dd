// Command executor measures `executor serve` next to DataHub's own executor of
// the same release and to the least that any executor has to do, all in one
// run on one machine, and prints raw samples and the bars they must meet.
//
// Both read their requests from the same change log, in a real Kafka broker,
// and write to the same stand-in for GMS.
//
//	go run ./bench/executor --executor bin/executor --work DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lockforge/lockforge/bench/measure"
)

type options struct {
	executor, work, python, uv string
	only                       string
	rounds, dispatches, tasks  int
	json                       bool
}

func main() {
	var o options
	flag.StringVar(&o.executor, "executor", "bin/executor", "program under test")
	flag.StringVar(&o.work, "work", ".cache/bench-executor", "directory for everything the run makes")
	flag.StringVar(&o.python, "python", "python3.11", "interpreter of the venvs")
	flag.StringVar(&o.uv, "uv", "uv", "uv, which makes them")
	flag.StringVar(&o.only, "only", "", "parts to measure, separated by commas: "+strings.Join(partNames(), ", "))
	flag.IntVar(&o.rounds, "rounds", 3, "no-op ingestions of each kind")
	flag.IntVar(&o.dispatches, "dispatches", 300, "runs of a CLI that does nothing, one after another")
	flag.IntVar(&o.tasks, "tasks", 5000, "runs over which the growth of memory is taken")
	flag.BoolVar(&o.json, "json", false, "print the samples as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// parts are what can be measured by itself.
var parts = []struct {
	name string
	take func(context.Context, *world, *results) error
}{
	{"start", measureStart},
	{"noop", measureNoOp},
	{"dispatch", measureDispatch},
	{"flood", measureFlood},
	{"report", measureReport},
	{"tasks", measureTasks},
}

func partNames() (names []string) {
	for _, part := range parts {
		names = append(names, part.name)
	}
	return names
}

func run(ctx context.Context, o options) (err error) {
	for _, path := range []*string{&o.work, &o.executor} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	w, err := newWorld(ctx, o)
	if err != nil {
		return err
	}
	defer w.close()
	var r results
	for _, part := range parts {
		if o.only != "" && !slices.Contains(strings.Split(o.only, ","), part.name) {
			continue
		}
		if err := part.take(ctx, w, &r); err != nil {
			return fmt.Errorf("measuring %s: %w", part.name, err)
		}
	}
	return measure.Report(os.Stdout, o.json, r, r.print, r.bars())
}
