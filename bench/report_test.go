package main

import (
	"io"
	"testing"

	"github.com/lockforge/lockforge/bench/measure"
)

func TestAMissedBarIsCounted(t *testing.T) {
	r := results{
		Bound:            []measure.Sample{{Wall: 10}},
		BaselineCompiled: []measure.Sample{{Wall: 50}, {Wall: 90}, {Wall: 60}},
		BaselinePlain:    []measure.Sample{{Wall: 40}},
		Cold:             []measure.Sample{{Wall: 30, RSS: 100 << 20, ChildRSS: 2 << 30}},
		Warm:             []measure.Sample{{Wall: 0.5}},
		Tree:             []int64{100}, Union: []int64{100},
		StartBytecode: []float64{1}, StartPlain: []float64{3},
	}
	bars := r.bars()
	if bars[0].Value != 0.5 {
		t.Errorf("ratio to the median baseline = %v, want 0.5", bars[0].Value)
	}
	// 3.0 times the lower bound, and an engine of 2 GiB.
	if missed := measure.PrintBars(io.Discard, bars); missed != 2 {
		t.Errorf("%d bars missed, want 2", missed)
	}
}
