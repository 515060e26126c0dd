package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// Bar is a figure and the limit that it must keep.
type Bar struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	// Limit is the highest good value, or the lowest one where AtLeast is set;
	// 0 means that the figure is only reported.
	Limit   float64 `json:"limit,omitempty"`
	AtLeast bool    `json:"atLeast,omitempty"`
	Unit    string  `json:"unit"`
}

// AtMost is a bar for a figure that is to be small.
func AtMost(name string, value, limit float64, unit string) Bar {
	return Bar{Name: name, Value: value, Limit: limit, Unit: unit}
}

// AtLeast is a bar for a figure that is to be large.
func AtLeast(name string, value, limit float64, unit string) Bar {
	return Bar{Name: name, Value: value, Limit: limit, AtLeast: true, Unit: unit}
}

// Reported is a figure without a limit.
func Reported(name string, value float64, unit string) Bar {
	return Bar{Name: name, Value: value, Unit: unit}
}

// Met says whether the figure keeps its limit. What is no number does not.
func (b Bar) Met() bool {
	switch {
	case b.Limit == 0:
		return true
	case b.AtLeast:
		return b.Value >= b.Limit
	default:
		return b.Value <= b.Limit
	}
}

// PrintBars prints every bar and returns how many are missed.
func PrintBars(w io.Writer, bars []Bar) int {
	missed := 0
	for _, b := range bars {
		limit := "limit"
		if b.AtLeast {
			limit = "at least"
		}
		verdict := "reported"
		switch {
		case !b.Met():
			verdict = fmt.Sprintf("MISSED, %s %.2f", limit, b.Limit)
			missed++
		case b.Limit > 0:
			verdict = fmt.Sprintf("met, %s %.2f", limit, b.Limit)
		}
		fmt.Fprintf(w, "%-46s %8.2f %-4s %s\n", b.Name, b.Value, b.Unit, verdict)
	}
	return missed
}

// Quantile returns the value that a part q of all values does not exceed. It
// panics where there are none.
func Quantile[T int64 | float64](values []T, q float64) T {
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

// Median is the middle value; of two, the larger one.
func Median[T int64 | float64](values []T) T { return Quantile(values, 0.5) }

// Report ends a benchmark: it writes samples and bars as one JSON object, or
// has the samples printed and prints the bars after them, and fails where one is
// missed. As JSON they are for whoever reads them to judge.
func Report(w io.Writer, asJSON bool, samples any, print func(io.Writer), bars []Bar) error {
	if asJSON {
		return json.NewEncoder(w).Encode(struct {
			Samples any   `json:"samples"`
			Bars    []Bar `json:"bars"`
		}{samples, bars})
	}
	print(w)
	if missed := PrintBars(w, bars); missed > 0 {
		return fmt.Errorf("%d of %d bars missed", missed, len(bars))
	}
	return nil
}
