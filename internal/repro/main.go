// Command repro builds one manifest in twenty ways that must come to the same
// image, and says which did:
//
//	go run ./internal/repro [--only NAME,NAME] [--list] [--work DIR] [--program FILE] [--source DIR]
//
// Where a digest differs it prints the first difference: layer, file and header
// field. The exit code is 1 when one differs or could not be built. What this
// machine has no means for is "not run", which REQUIRE_ALL=1 makes a failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("repro", flag.ContinueOnError)
	flags.SetOutput(stderr)
	program := flags.String("program", "bin/lockforge", "the lockforge that builds")
	source := flags.String("source", ".", "the tree it was built from")
	work := flags.String("work", ".cache/repro", "directory for all that is made; what is there is removed")
	only := flags.String("only", "", "names of variations, comma-separated; the reference is always built")
	list := flags.Bool("list", false, "list the variations")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	selected, err := choose(*only)
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 2
	}
	if *list {
		for _, v := range selected {
			fmt.Fprintf(stdout, "%-22s %s\n", v.name, v.what)
		}
		return 0
	}
	m, err := newMatrix(*program, *source, *work, stdout)
	if err == nil {
		err = m.run(ctx, selected)
	}
	if err != nil {
		fmt.Fprintln(stderr, "error:", err)
		return 1
	}
	return 0
}

// choose returns the variations that are named, or all.
func choose(names string) ([]variation, error) {
	if names == "" {
		return variations, nil
	}
	var selected []variation
	for name := range strings.SplitSeq(names, ",") {
		found := false
		for _, v := range variations {
			if v.name == name {
				selected, found = append(selected, v), true
			}
		}
		if !found {
			return nil, fmt.Errorf("choosing variations: there is no %q", name)
		}
	}
	return selected, nil
}

func newMatrix(program, source, work string, out io.Writer) (*matrix, error) {
	m := &matrix{out: out}
	for _, p := range []struct {
		to   *string
		path string
	}{{&m.program, program}, {&m.source, source}, {&m.work, work}} {
		var err error
		if *p.to, err = filepath.Abs(p.path); err != nil {
			return nil, err
		}
	}
	if os.Geteuid() != 0 {
		return nil, errors.New("building needs root")
	}
	// A state of BuildKit's that was killed may leave what only root removes.
	if err := os.RemoveAll(m.work); err != nil {
		return nil, err
	}
	return m, os.MkdirAll(m.work, 0o755)
}
