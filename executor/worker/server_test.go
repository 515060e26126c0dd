package worker

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestServerAwayForLong(t *testing.T) {
	for _, how := range []string{"down", "hanging"} {
		t.Run(how, func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				away := func(is bool) {
					g.server.set(func(s *fakeServer) { s.down, s.hang = is && how == "down", is && how == "hanging" })
				}
				g.boot()
				g.request("a")
				g.request("b")
				pass(500 * time.Millisecond)
				away(true)
				for i := range 50 {
					g.request(fmt.Sprint("later", i))
				}
				pass(3 * time.Hour)
				g.journaled("a", journal.Ended)
				if s := g.Stats(); s != (Stats{Waiting: 50, Undelivered: 2}) {
					t.Errorf("%+v", s)
				}
				away(false)
				pass(10 * time.Minute)
				for _, id := range []string{"a", "b", "later0", "later49"} {
					g.history(id, StatusRunning, StatusSuccess)
					g.starts(id, 1)
				}
				if s := g.Stats(); s != (Stats{}) {
					t.Errorf("%+v", s)
				}
			})
		})
	}
}

// The terminal status is on its way as soon as the runner returns, whatever
// else hangs.
func TestTerminalWriteDoesNotWait(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.server.intercept = func(id string, r Result) (error, bool) {
			if id != "a" {
				time.Sleep(20 * time.Second)
				return errAway, true
			}
			return nil, false
		}
		g.boot()
		g.request("a")
		pass(500 * time.Millisecond)
		for i := range 50 {
			g.request(fmt.Sprint("hangs", i))
		}
		pass(500*time.Millisecond + 50*time.Millisecond)
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestImmutable(t *testing.T) {
	aborted := Result{Status: "ABORTED", Report: "worker pod eviction, crash, or restart"}
	t.Run("at the claim", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.server.intercept = func(id string, r Result) (error, bool) {
				g.server.set(func(s *fakeServer) { s.results[id] = aborted })
				return nil, false
			}
			g.boot()
			g.request("a")
			pass(time.Minute)
			g.starts("a", 0)
			g.journaled("a", journal.Dropped)
		})
	})
	t.Run("while it runs", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
				n := 0
				s.Progress(func(int) string { n++; return fmt.Sprint("line ", n) })
				return g.runner.wait(ctx, time.Hour)
			}
			g.boot()
			g.request("a")
			pass(time.Minute)
			g.server.set(func(s *fakeServer) { s.results["a"] = aborted })
			pass(3 * time.Second)
			if cause := g.runner.causes["a"]; cause != ErrOverruled {
				t.Errorf("the runner was told %v", cause)
			}
			g.journaled("a", journal.Dropped)
			if diff := cmp.Diff(aborted, g.server.result("a")); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("at the end", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.request("a")
			pass(500 * time.Millisecond)
			g.server.set(func(s *fakeServer) { s.results["a"] = aborted })
			pass(time.Minute)
			g.journaled("a", journal.Delivered)
			if diff := cmp.Diff(aborted, g.server.result("a")); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("our own, whose answer was lost", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			lost := false
			g.server.intercept = func(id string, r Result) (error, bool) {
				if r.Status == StatusSuccess && !lost {
					lost = true
					_ = g.server.store(id, r, false)
					return errAway, true
				}
				return nil, false
			}
			g.boot()
			g.request("a")
			pass(time.Minute)
			g.history("a", StatusRunning, StatusSuccess)
			g.journaled("a", journal.Delivered)
		})
	})
}

// A RUNNING whose sender gave up lands on top of FAILURE, which is not immutable.
func TestLateWriteIsNoticed(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.server.intercept = func(id string, r Result) (error, bool) {
			if r.Status == StatusRunning && strings.Contains(r.Report, "line") {
				time.AfterFunc(10*time.Second, func() { _ = g.server.store(id, r, false) })
				return context.DeadlineExceeded, true
			}
			return nil, false
		}
		g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
			s.Progress(func(int) string { return "line" })
			time.Sleep(3 * time.Second)
			return Outcome{Status: StatusFailure, Reason: "exit code 1"}
		}
		g.boot()
		g.request("a")
		pass(10 * time.Minute)
		g.history("a", StatusRunning, StatusFailure, StatusRunning, StatusFailure)
		g.journaled("a", journal.Delivered)
	})
}

func TestServerTakesLess(t *testing.T) {
	big := strings.Repeat("log line\n", 100_000)
	for _, tc := range []struct {
		name  string
		limit int
		never bool
		want  func(Result) bool
	}{
		{"the logs go first", 500_000, false, func(r Result) bool { return r.Structured != nil && len(r.Report) > 100_000 }},
		{"then the structured report", 60_000, false, func(r Result) bool { return r.Structured == nil && len(r.Report) > 10_000 }},
		{"the status lands", 300, false, func(r Result) bool { return r.Structured == nil }},
		{"what is refused for good", 0, true, func(r Result) bool { return r.Structured == nil }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.options = func(o *Options) { o.Budget = 2_000_000 }
				g.server.limit = tc.limit
				g.server.intercept = func(_ string, r Result) (error, bool) {
					return ErrRefused, tc.never && r.Structured != nil
				}
				g.runner.during = func(context.Context, queue.Request, Sink) Outcome {
					return Outcome{Status: StatusFailure, Report: func(limit int) (string, []byte) {
						return big, []byte(`{"cli":"` + strings.Repeat("x", 50_000) + `"}`)
					}}
				}
				g.boot()
				g.request("a")
				pass(time.Minute)
				g.history("a", StatusRunning, StatusFailure)
				if r := g.server.result("a"); !tc.want(r) || !strings.HasPrefix(r.Report, "Task claimed by") {
					t.Errorf("report of %d bytes, structured: %v\n%.300s", len(r.Report), r.Structured != nil, r.Report)
				}
			})
		})
	}
}

// Two executors get the same request: one runs it, whatever the server can.
func TestTwoExecutors(t *testing.T) {
	for _, atomic := range []bool{true, false} {
		t.Run(fmt.Sprint("atomic ", atomic), func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.server.replaces, g.server.latency = !atomic, 50*time.Millisecond
				g.options = func(o *Options) {
					if !atomic {
						o.Settle = 4 * time.Second
					}
				}
				other := &rig{t: t, dir: t.TempDir(), server: g.server, runner: g.runner, options: g.options}
				g.boot()
				other.boot()
				defer other.down()
				for i := range 20 {
					id := fmt.Sprint("r", i)
					g.request(id)
					other.request(id)
				}
				pass(20 * time.Minute)
				for i := range 20 {
					id := fmt.Sprint("r", i)
					g.starts(id, 1)
					if status := g.server.status(id); status != StatusSuccess {
						t.Errorf("%s is %s", id, status)
					}
				}
			})
		})
	}
}
