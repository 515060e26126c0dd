package main

import (
	"fmt"
	"io"
	"slices"

	"github.com/lockforge/lockforge/bench/measure"
)

// results are the raw samples, in the order they were taken. "Other" is
// DataHub's executor.
type results struct {
	Ready      []float64 `json:"ready,omitempty"` // seconds
	OtherReady []float64 `json:"otherReady,omitempty"`
	Idle       []int64   `json:"idle,omitempty"` // bytes of RSS
	OtherIdle  []int64   `json:"otherIdle,omitempty"`

	ByHand    []measure.Sample `json:"byHand,omitempty"`
	NoOp      []float64        `json:"noop,omitempty"` // seconds
	OtherNoOp []float64        `json:"otherNoop,omitempty"`

	Bare          []dispatch `json:"bare,omitempty"`
	Dispatch      []dispatch `json:"dispatch,omitempty"`
	OtherDispatch []dispatch `json:"otherDispatch,omitempty"`

	Flood       []heavy `json:"flood,omitempty"`
	OtherFlood  []heavy `json:"otherFlood,omitempty"`
	Report      []heavy `json:"report,omitempty"`
	OtherReport []heavy `json:"otherReport,omitempty"`

	Tasks        int     `json:"tasks,omitempty"`
	TasksSeconds float64 `json:"tasksSeconds,omitempty"`
	TasksBefore  int64   `json:"tasksBefore,omitempty"` // bytes of RSS
	TasksAfter   int64   `json:"tasksAfter,omitempty"`
}

// bars are those of the parts that were measured.
func (r results) bars() (bars []measure.Bar) {
	return slices.Concat(r.startBars(), r.noOpBars(), r.dispatchBars(), r.heavyBars(), r.taskBars())
}

func (r results) startBars() []measure.Bar {
	if len(r.Idle) == 0 {
		return nil
	}
	idle, other := mib(slices.Max(r.Idle)), mib(slices.Min(r.OtherIdle))
	return []measure.Bar{
		measure.AtMost("start until ready", 1000*measure.Median(r.Ready), 100, "ms"),
		measure.Reported("start until ready / DataHub's executor", measure.Median(r.Ready)/slices.Min(r.OtherReady), "x"),
		measure.AtMost("idle memory", idle, 25, "MiB"),
		measure.AtMost("idle memory / DataHub's executor", idle/other, 1.0/6, "x"),
	}
}

func (r results) noOpBars() []measure.Bar {
	if len(r.NoOp) == 0 {
		return nil
	}
	hand := measure.Median(r.hand())
	return []measure.Bar{
		measure.AtMost("no-op ingestion / by hand", measure.Median(r.NoOp)/hand, 1.05, "x"),
		measure.Reported("no-op, DataHub's executor / by hand", measure.Median(r.OtherNoOp)/hand, "x"),
	}
}

func (r results) hand() (walls []float64) {
	for _, s := range r.ByHand {
		walls = append(walls, s.Wall)
	}
	return walls
}

func (r results) dispatchBars() []measure.Bar {
	if len(r.Dispatch) == 0 {
		return nil
	}
	bare := measure.Median(starting(r.Bare))
	end := ending(r.Dispatch)
	return []measure.Bar{
		measure.AtMost("dispatch over fork and exec, p50", measure.Median(starting(r.Dispatch))-bare, 10, "ms"),
		measure.AtMost("dispatch over fork and exec, p99", measure.Quantile(starting(r.Dispatch), 0.99)-bare, 40, "ms"),
		measure.Reported("dispatch, DataHub's executor, p50", measure.Median(starting(r.OtherDispatch))-bare, "ms"),
		measure.AtMost("child's end until it is written, p99", measure.Quantile(end, 0.99), 50, "ms"),
		measure.Reported("child's end until it is written, worst", slices.Max(end), "ms"),
		measure.Reported("the same, DataHub's executor, p50", measure.Median(ending(r.OtherDispatch)), "ms"),
	}
}

func starting(all []dispatch) (times []float64) {
	for _, d := range all {
		times = append(times, d.Start)
	}
	return times
}

func ending(all []dispatch) (times []float64) {
	for _, d := range all {
		times = append(times, d.End)
	}
	return times
}

func (r results) heavyBars() (bars []measure.Bar) {
	for _, h := range r.Flood {
		bars = append(bars,
			measure.AtLeast("flood with 50 secrets", h.rate(), 150, "MB/s"),
			measure.AtMost("growth of memory in a flood of 1 GiB", mib(h.growth()), 32, "MiB"),
		)
	}
	for _, h := range r.OtherFlood {
		bars = append(bars, measure.Reported("flood, DataHub's executor", h.rate(), "MB/s"))
	}
	for _, h := range r.Report {
		bars = append(bars, measure.AtMost("peak memory with a report of 200 MiB", mib(h.Peak), 64, "MiB"))
	}
	for _, h := range r.OtherReport {
		bars = append(bars, measure.Reported("the same, DataHub's executor", mib(h.Peak), "MiB"))
	}
	return bars
}

// countedTasks is what the growth of memory is bounded for, in runs.
const countedTasks = 10_000

func (r results) taskBars() []measure.Bar {
	if r.Tasks == 0 {
		return nil
	}
	growth := mib(r.TasksAfter - r.TasksBefore)
	name := fmt.Sprintf("growth of memory in %d runs", r.Tasks)
	return []measure.Bar{
		measure.AtMost(name, growth, float64(r.Tasks)/countedTasks, "MiB"),
		measure.Reported("runs per second", float64(r.Tasks)/r.TasksSeconds, "/s"),
	}
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func (r results) print(w io.Writer) {
	if len(r.Idle) > 0 {
		fmt.Fprintf(w, "ready s %.3f, DataHub's executor %.2f\n", r.Ready, r.OtherReady)
		fmt.Fprintf(w, "idle MiB %.1f, DataHub's executor %.1f\n", mibs(r.Idle), mibs(r.OtherIdle))
	}
	if len(r.NoOp) > 0 {
		fmt.Fprintf(w, "no-op s: by hand %.2f, through the executor %.2f, through DataHub's %.2f\n", r.hand(), r.NoOp, r.OtherNoOp)
	}
	r.printDispatches(w)
	r.printHeavy(w)
	if r.Tasks > 0 {
		fmt.Fprintf(w, "%d runs in %.1f s, memory %.2f MiB before, %.2f after\n", r.Tasks, r.TasksSeconds, mib(r.TasksBefore), mib(r.TasksAfter))
	}
	fmt.Fprintln(w)
}

func (r results) printDispatches(w io.Writer) {
	if len(r.Dispatch) == 0 {
		return
	}
	fmt.Fprintf(w, "%-28s %8s %8s %8s %8s\n", "ms", "p50", "p90", "p99", "worst")
	for _, row := range []struct {
		name  string
		times []float64
	}{
		{"bare, start", starting(r.Bare)},
		{"request to child", starting(r.Dispatch)},
		{"child's end to GMS", ending(r.Dispatch)},
		{"DataHub's: request to child", starting(r.OtherDispatch)},
		{"DataHub's: end to GMS", ending(r.OtherDispatch)},
	} {
		fmt.Fprintf(w, "%-28s %8.2f %8.2f %8.2f %8.2f\n", row.name, measure.Median(row.times), measure.Quantile(row.times, 0.9), measure.Quantile(row.times, 0.99), slices.Max(row.times))
	}
}

func (r results) printHeavy(w io.Writer) {
	for _, row := range []struct {
		name string
		all  []heavy
	}{{"flood", r.Flood}, {"flood, DataHub's executor", r.OtherFlood}, {"report", r.Report}, {"report, DataHub's executor", r.OtherReport}} {
		for _, h := range row.all {
			fmt.Fprintf(w, "%-28s %.1f MB in %.2f s, memory %.1f MiB before, %.1f at most\n", row.name, float64(h.Bytes)/1e6, h.Seconds, mib(h.Before), mib(h.Peak))
		}
	}
}

func mibs(all []int64) (values []float64) {
	for _, bytes := range all {
		values = append(values, mib(bytes))
	}
	return values
}
