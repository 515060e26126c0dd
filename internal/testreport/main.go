// Command testreport reads the output of `go test -json` and prints what a
// person wants to know of it: each package as it ends, what failed with its
// output, what was skipped and why, and the slowest tests. It exits 1 when
// something failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
)

// slowest is how many tests the last list has.
const slowest = 15

// event is a line of `go test -json` (see `go doc test2json`), or of a
// package's compilation.
type event struct {
	Action     string
	Package    string
	ImportPath string // of compilations
	Test       string
	Elapsed    float64 // seconds
	Output     string
}

// outcome is one test that has ended.
type outcome struct {
	name    string // "package Test/sub"
	seconds float64
}

type report struct {
	out     io.Writer
	output  map[string][]string // by name, while it runs
	ended   []outcome
	skipped []string
	failed  int
}

func main() {
	r := &report{out: os.Stdout, output: map[string][]string{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "error: reading test events:", err)
		os.Exit(1)
	}
	r.summary()
	if r.failed > 0 {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			r.line(line)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// line takes one event. What is no event is the go command's own complaint.
func (r *report) line(line []byte) {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		fmt.Fprint(r.out, string(line))
		return
	}
	name := strings.TrimSpace(shorten(e.Package) + " " + e.Test)
	switch e.Action {
	case "output":
		r.output[name] = append(r.output[name], e.Output)
	case "build-output":
		fmt.Fprint(r.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.cutShort(name)
		}
		r.end(e, name)
		delete(r.output, name)
	}
}

// cutShort prints what tests had to say that did not end before their package:
// one of them hung, or brought it down, and what the others were at may tell why.
func (r *report) cutShort(pkg string) {
	for _, name := range slices.Sorted(maps.Keys(r.output)) {
		if strings.HasPrefix(name, pkg+" ") {
			fmt.Fprintf(r.out, "DID NOT END %s\n%s", name, strings.Join(r.output[name], ""))
			delete(r.output, name)
		}
	}
}

func (r *report) end(e event, name string) {
	text := strings.Join(r.output[name], "")
	if e.Action == "fail" {
		r.failed++
		fmt.Fprintf(r.out, "FAIL %s (%.1f s)\n%s", name, e.Elapsed, text)
		return
	}
	switch {
	case e.Test == "" && e.Action == "pass":
		fmt.Fprintf(r.out, "ok   %s (%.1f s)\n", name, e.Elapsed)
	case e.Test != "" && e.Action == "skip":
		r.skipped = append(r.skipped, name+": "+reason(text))
	case e.Test != "":
		r.ended = append(r.ended, outcome{name, e.Elapsed})
	}
}

// reason is the text of a skip: the line that names its place.
func reason(text string) string {
	for line := range strings.Lines(text) {
		if _, after, ok := strings.Cut(line, ".go:"); ok {
			return "at line " + strings.TrimSpace(after)
		}
	}
	return "no reason given"
}

func (r *report) summary() {
	slices.SortFunc(r.ended, func(a, b outcome) int {
		if a.seconds != b.seconds {
			if a.seconds > b.seconds {
				return -1
			}
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	fmt.Fprintln(r.out, "\nslowest tests:")
	for _, o := range r.ended[:min(slowest, len(r.ended))] {
		fmt.Fprintf(r.out, "%8.1f s  %s\n", o.seconds, o.name)
	}
	for _, s := range r.skipped {
		fmt.Fprintf(r.out, "skipped %s\n", s)
	}
	fmt.Fprintf(r.out, "%d tests passed, %d skipped, %d failures\n", len(r.ended), len(r.skipped), r.failed)
}

func shorten(pkg string) string {
	return strings.TrimPrefix(pkg, "github.com/lockforge/lockforge/")
}
