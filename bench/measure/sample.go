// Package measure takes samples of commands, and holds figures to bars.
package measure

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

// Sample is one measurement of a command and everything it started.
type Sample struct {
	Wall     float64 `json:"wall"`               // seconds
	CPU      float64 `json:"cpu"`                // user and system seconds of all processes waited for
	RSS      int64   `json:"rss"`                // bytes, peak of the command itself, polled
	ChildRSS int64   `json:"childRSS,omitempty"` // bytes, highest peak among its direct children
	Bytes    int64   `json:"bytes,omitempty"`    // size of the result
}

// Plus is s and then another: times and sizes add up, peaks do not.
func (s Sample) Plus(other Sample) Sample {
	return Sample{
		Wall:     s.Wall + other.Wall,
		CPU:      s.CPU + other.CPU,
		RSS:      max(s.RSS, other.RSS),
		ChildRSS: max(s.ChildRSS, other.ChildRSS),
		Bytes:    s.Bytes + other.Bytes,
	}
}

// Command is a command whose run is measured.
type Command struct{ *exec.Cmd }

// NewCommand is exec.CommandContext.
func NewCommand(ctx context.Context, name string, args ...string) Command {
	return Command{exec.CommandContext(ctx, name, args...)}
}

// Run executes the command and takes its measure. An error holds its output.
func (c Command) Run() (Sample, error) {
	var output bytes.Buffer
	if c.Stdout == nil {
		c.Stdout = &output
	}
	c.Stderr = &output
	start := time.Now()
	if err := c.Start(); err != nil {
		return Sample{}, err
	}
	stop := make(chan struct{})
	peaks := make(chan Sample)
	go func() { peaks <- watch(c.Process.Pid, stop) }()
	err := c.Wait()
	took := time.Since(start).Seconds()
	close(stop)
	s := <-peaks
	s.Wall = took
	if err != nil {
		return s, fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, output.String())
	}
	s.CPU = (c.ProcessState.UserTime() + c.ProcessState.SystemTime()).Seconds()
	return s, nil
}

// watch polls the peak memory of a process and of its direct children. The
// rusage of a process that has ended tells neither: it mixes both, and leaves
// out children that are still running, as the build engine may be.
func watch(pid int, stop <-chan struct{}) (peak Sample) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-tick.C:
			peak.RSS = max(peak.RSS, highWater(strconv.Itoa(pid)))
			tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
			for _, task := range tasks {
				children, _ := os.ReadFile(task)
				for _, child := range strings.Fields(string(children)) {
					peak.ChildRSS = max(peak.ChildRSS, highWater(child))
				}
			}
		}
	}
}

// RSS is the resident set of a running process, in bytes; 0 if there is none.
func RSS(pid int) int64 { return memory(strconv.Itoa(pid), "VmRSS:") }

// highWater is the peak resident set of a running process, in bytes.
func highWater(pid string) int64 { return memory(pid, "VmHWM:") }

func memory(pid, field string) int64 {
	status, _ := os.ReadFile("/proc/" + pid + "/status")
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kib * 1024
		}
	}
	return 0
}

// Timed measures work done in this process.
func Timed(work func() error) (Sample, error) {
	var before, after syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
	start := time.Now()
	err := work()
	s := Sample{Wall: time.Since(start).Seconds()}
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
	s.CPU = seconds(after.Utime) + seconds(after.Stime) - seconds(before.Utime) - seconds(before.Stime)
	return s, err
}

func seconds(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
