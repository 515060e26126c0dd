package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sample is one measurement of a command and everything it started.
type sample struct {
	Wall     float64 `json:"wall"`               // seconds
	CPU      float64 `json:"cpu"`                // user and system seconds of all processes waited for
	RSS      int64   `json:"rss"`                // bytes, peak of the command itself
	ChildRSS int64   `json:"childRSS,omitempty"` // bytes, highest peak among its direct children
	Bytes    int64   `json:"bytes,omitempty"`    // size of the result
}

func (s sample) plus(other sample) sample {
	return sample{
		Wall:     s.Wall + other.Wall,
		CPU:      s.CPU + other.CPU,
		RSS:      max(s.RSS, other.RSS),
		ChildRSS: max(s.ChildRSS, other.ChildRSS),
		Bytes:    s.Bytes + other.Bytes,
	}
}

type runner struct{ *exec.Cmd }

func command(ctx context.Context, name string, args ...string) runner {
	return runner{exec.CommandContext(ctx, name, args...)}
}

// run executes the command and takes its measure. An error holds its output.
func (r runner) run() (sample, error) {
	var output bytes.Buffer
	if r.Stdout == nil {
		r.Stdout = &output
	}
	r.Stderr = &output
	start := time.Now()
	if err := r.Start(); err != nil {
		return sample{}, err
	}
	stop := make(chan struct{})
	peak := make(chan int64)
	go func() { peak <- watchChildren(r.Process.Pid, stop) }()
	err := r.Wait()
	close(stop)
	s := sample{Wall: time.Since(start).Seconds(), ChildRSS: <-peak}
	if err != nil {
		return s, fmt.Errorf("%s: %w\n%s", strings.Join(r.Args, " "), err, output.String())
	}
	usage := r.ProcessState.SysUsage().(*syscall.Rusage)
	s.RSS = usage.Maxrss * 1024
	s.CPU = (r.ProcessState.UserTime() + r.ProcessState.SystemTime()).Seconds()
	return s, nil
}

// watchChildren polls the peak memory of a process's direct children: a child
// that is still running, such as the build engine, is in no rusage yet.
func watchChildren(pid int, stop <-chan struct{}) int64 {
	var peak int64
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-tick.C:
			tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
			for _, task := range tasks {
				children, _ := os.ReadFile(task)
				for _, child := range strings.Fields(string(children)) {
					peak = max(peak, highWater(child))
				}
			}
		}
	}
}

// highWater is the peak resident set of a running process, in bytes.
func highWater(pid string) int64 {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib * 1024
		}
	}
	return 0
}

// timed measures work done in this process.
func timed(work func() error) (sample, error) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	err := work()
	s := sample{Wall: time.Since(start).Seconds()}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	s.CPU = seconds(after.Utime) + seconds(after.Stime) - seconds(before.Utime) - seconds(before.Stime)
	return s, err
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
