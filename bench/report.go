package main

import (
	"fmt"
	"io"
	"slices"
)

// results are the raw samples, in the order they were taken.
type results struct {
	Bound            []sample  `json:"lowerBound"`
	BaselineCompiled []sample  `json:"baselineCompiled"`
	BaselinePlain    []sample  `json:"baselinePlain"`
	Cold             []sample  `json:"cold"`
	Warm             []sample  `json:"warm"`
	Stages           [][]stage `json:"stages"`
	Tree             []int64   `json:"tree"`  // bytes of the image's Python tree
	Union            []int64   `json:"union"` // bytes of the union of unpacked wheels with bytecode
	StartBytecode    []float64 `json:"startBytecode"`
	StartPlain       []float64 `json:"startPlain"`
}

// bar is one figure that has to stay at or below a limit. A limit of 0 means
// that the figure is only reported.
type bar struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit,omitempty"`
	Unit  string  `json:"unit"`
}

func (b bar) met() bool { return b.Limit == 0 || b.Value <= b.Limit }

func (r results) bars() []bar {
	cold := median(walls(r.Cold))
	mib := func(samples []sample, of func(sample) int64) float64 {
		var peak int64
		for _, s := range samples {
			peak = max(peak, of(s))
		}
		return float64(peak) / (1 << 20)
	}
	return []bar{
		{"cold build / baseline with bytecode", cold / median(walls(r.BaselineCompiled)), 0.6, "x"},
		{"cold build / baseline without bytecode", cold / median(walls(r.BaselinePlain)), 0, "x"},
		{"cold build / lower bound", cold / median(walls(r.Bound)), 2.0, "x"},
		{"no-op build", median(walls(r.Warm)), 1, "s"},
		{"Python tree / union of wheels with bytecode", float64(median(r.Tree)) / float64(median(r.Union)), 1.05, "x"},
		{"peak memory of the CLI", mib(r.Cold, func(s sample) int64 { return s.RSS }), 300, "MiB"},
		{"peak memory of the engine", mib(r.Cold, func(s sample) int64 { return s.ChildRSS }), 1024, "MiB"},
		{"datahub version with / without bytecode", median(r.StartBytecode) / median(r.StartPlain), 0.5, "x"},
	}
}

func walls(samples []sample) []float64 {
	w := make([]float64, len(samples))
	for i, s := range samples {
		w[i] = s.Wall
	}
	return w
}

func median[T int64 | float64](values []T) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}

func (r results) print(w io.Writer) {
	fmt.Fprintf(w, "%-28s %8s %8s %9s %9s %10s\n", "sample", "wall s", "cpu s", "rss MiB", "child MiB", "result MB")
	for _, row := range []struct {
		name    string
		samples []sample
	}{
		{"lower bound", r.Bound},
		{"baseline with bytecode", r.BaselineCompiled},
		{"baseline without bytecode", r.BaselinePlain},
		{"lockforge build, cold", r.Cold},
		{"lockforge build, no-op", r.Warm},
	} {
		for _, s := range row.samples {
			fmt.Fprintf(w, "%-28s %8.2f %8.2f %9d %9d %10.1f\n", row.name, s.Wall, s.CPU, s.RSS>>20, s.ChildRSS>>20, float64(s.Bytes)/1e6)
		}
	}
	for i, stages := range r.Stages {
		fmt.Fprintf(w, "stages of cold build %d:", i+1)
		for _, s := range stages {
			fmt.Fprintf(w, " %s %.2f", s.Name, s.Seconds)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "python tree MB %v, union MB %v\n", megabytes(r.Tree), megabytes(r.Union))
	fmt.Fprintf(w, "datahub version s: with bytecode %.2f, without %.2f\n\n", r.StartBytecode, r.StartPlain)
}

func megabytes(values []int64) []int64 {
	mb := slices.Clone(values)
	for i := range mb {
		mb[i] /= 1e6
	}
	return mb
}

// printBars prints every bar and returns how many are missed.
func printBars(w io.Writer, bars []bar) int {
	missed := 0
	for _, b := range bars {
		verdict := "reported"
		switch {
		case !b.met():
			verdict = fmt.Sprintf("MISSED, limit %.2f", b.Limit)
			missed++
		case b.Limit > 0:
			verdict = fmt.Sprintf("met, limit %.2f", b.Limit)
		}
		fmt.Fprintf(w, "%-46s %8.2f %-4s %s\n", b.Name, b.Value, b.Unit, verdict)
	}
	return missed
}
