package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/lockforge/lockforge/bench/measure"
)

// results are the raw samples, in the order they were taken.
type results struct {
	Bound            []measure.Sample `json:"lowerBound"`
	BaselineCompiled []measure.Sample `json:"baselineCompiled"`
	BaselinePlain    []measure.Sample `json:"baselinePlain"`
	Cold             []measure.Sample `json:"cold"`
	Warm             []measure.Sample `json:"warm"`
	Stages           [][]stage        `json:"stages"`
	Tree             []int64          `json:"tree"`  // bytes of the image's Python tree
	Union            []int64          `json:"union"` // bytes of the union of unpacked wheels with bytecode
	StartBytecode    []float64        `json:"startBytecode"`
	StartPlain       []float64        `json:"startPlain"`
}

func (r results) bars() []measure.Bar {
	cold := measure.Median(walls(r.Cold))
	mib := func(samples []measure.Sample, of func(measure.Sample) int64) float64 {
		var peak int64
		for _, s := range samples {
			peak = max(peak, of(s))
		}
		return float64(peak) / (1 << 20)
	}
	return []measure.Bar{
		measure.AtMost("cold build / baseline with bytecode", cold/measure.Median(walls(r.BaselineCompiled)), 0.6, "x"),
		measure.Reported("cold build / baseline without bytecode", cold/measure.Median(walls(r.BaselinePlain)), "x"),
		measure.AtMost("cold build / lower bound", cold/measure.Median(walls(r.Bound)), 2.0, "x"),
		measure.AtMost("no-op build", measure.Median(walls(r.Warm)), 1, "s"),
		measure.AtMost("Python tree / union of wheels with bytecode", float64(measure.Median(r.Tree))/float64(measure.Median(r.Union)), 1.05, "x"),
		measure.AtMost("peak memory of the CLI", mib(r.Cold, func(s measure.Sample) int64 { return s.RSS }), 300, "MiB"),
		measure.AtMost("peak memory of the engine", mib(r.Cold, func(s measure.Sample) int64 { return s.ChildRSS }), 1024, "MiB"),
		measure.AtMost("datahub version with / without bytecode", measure.Median(r.StartBytecode)/measure.Median(r.StartPlain), 0.5, "x"),
	}
}

func walls(samples []measure.Sample) []float64 {
	w := make([]float64, len(samples))
	for i, s := range samples {
		w[i] = s.Wall
	}
	return w
}

func (r results) print(w io.Writer) {
	fmt.Fprintf(w, "%-28s %8s %8s %9s %9s %10s\n", "sample", "wall s", "cpu s", "rss MiB", "child MiB", "result MB")
	for _, row := range []struct {
		name    string
		samples []measure.Sample
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
