// Command bench measures lockforge next to the recipe it replaces and to the
// least work that any builder of the same image has to do, all in one run on
// one machine, and prints raw samples, ratios and the bars they must meet.
//
//	go run ./bench --lockforge bin/lockforge --manifest FILE --work DIR
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"

	"github.com/lockforge/lockforge/bench/measure"
)

type options struct {
	lockforge, manifest, work, python, uv string
	runs                                  int
	json                                  bool
}

func main() {
	var o options
	flag.StringVar(&o.lockforge, "lockforge", "bin/lockforge", "program under test")
	flag.StringVar(&o.manifest, "manifest", "bench/quickstart.yaml", "manifest to build; its suite's Python must be --python")
	flag.StringVar(&o.work, "work", ".cache/bench", "directory for everything the run makes")
	flag.StringVar(&o.python, "python", "python3.11", "interpreter of the baseline, same minor version as the image's")
	flag.StringVar(&o.uv, "uv", "uv", "uv of the baseline")
	flag.IntVar(&o.runs, "runs", 1, "measurements of each kind")
	flag.BoolVar(&o.json, "json", false, "print the samples as JSON")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	work, err := filepath.Abs(o.work)
	if err != nil {
		return err
	}
	o.work = work
	if o.lockforge, err = filepath.Abs(o.lockforge); err != nil {
		return err
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return err
	}
	in, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(o.aside())
	var r results
	for range o.runs {
		if err := takeSamples(ctx, o, in, &r); err != nil {
			return err
		}
	}
	return measure.Report(os.Stdout, o.json, r, r.print, r.bars())
}

func (o options) aside() string { return filepath.Join(o.work, "aside") }

// setAside moves what an earlier sample has left out of the way, until the
// bench ends. Deleting it would slow down the next sample: for minutes, ext4
// passes over each inode that has become free when it looks for one.
func (o options) setAside(paths ...string) error {
	if err := os.MkdirAll(o.aside(), 0o755); err != nil {
		return err
	}
	for _, path := range paths {
		dir, err := os.MkdirTemp(o.aside(), "")
		if err != nil {
			return err
		}
		if err := os.Rename(path, filepath.Join(dir, filepath.Base(path))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// takeSamples takes one sample of everything, alternating, so that a noisy spell
// of the machine hits all kinds of samples alike.
func takeSamples(ctx context.Context, o options, in *input, r *results) error {
	bound, err := lowerBound(ctx, o, in)
	if err != nil {
		return fmt.Errorf("measuring the lower bound: %w", err)
	}
	r.Bound = append(r.Bound, bound)
	for _, compile := range []bool{true, false} {
		sample, err := baseline(ctx, o, in, compile)
		if err != nil {
			return fmt.Errorf("measuring the baseline: %w", err)
		}
		if compile {
			r.BaselineCompiled = append(r.BaselineCompiled, sample)
		} else {
			r.BaselinePlain = append(r.BaselinePlain, sample)
		}
	}
	if err := measureBuild(ctx, o, in, r); err != nil {
		return fmt.Errorf("measuring lockforge: %w", err)
	}
	return measureImage(ctx, o, in, r)
}
