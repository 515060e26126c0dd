package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/executor/journal"
	"github.com/lockforge/lockforge/executor/lifecycle"
	"github.com/lockforge/lockforge/executor/queue"
)

func TestOneRun(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var order []string
		g.runner.before = func(context.Context, queue.Request) {
			g.journaled("a", journal.Accepted)
			order = append(order, "server "+g.server.status("a"))
		}
		g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
			synctest.Wait()
			g.journaled("a", journal.Started)
			return g.runner.wait(ctx, 5*time.Second)
		}
		g.server.intercept = func(_ string, r Result) (error, bool) {
			if r.Status == StatusSuccess {
				g.journaled("a", journal.Ended)
			}
			return nil, false
		}
		g.boot()
		g.request("a")
		pass(time.Second)
		if diff := cmp.Diff([]string{"a"}, g.Running()); diff != "" {
			t.Error(diff)
		}
		pass(10 * time.Second)
		g.history("a", StatusRunning, StatusSuccess)
		g.journaled("a", journal.Delivered)
		if diff := cmp.Diff([]string{"server RUNNING"}, order); diff != "" {
			t.Error(diff)
		}
		r := g.server.result("a")
		if !strings.HasPrefix(r.Report, "Task claimed by executor instance test; version = 1; lease = ") || !strings.HasSuffix(r.Report, "\nall done") {
			t.Errorf("report: %s", r.Report)
		}
		if diff := cmp.Diff(&Structured{Type: "RUN_INGEST", Serialized: `{"cli":{}}`, ContentType: "application/json"}, r.Structured); diff != "" {
			t.Error(diff)
		}
		if r.DurationMS != 5000 || r.StartTimeMS == 0 {
			t.Errorf("start %d, duration %d ms", r.StartTimeMS, r.DurationMS)
		}
		if diff := cmp.Diff(Stats{}, g.Stats()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestDuplicatesStartOnce(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		var deliveries sync.WaitGroup
		for range 10 {
			deliveries.Go(func() { g.request("a") })
		}
		deliveries.Wait()
		pass(100 * time.Millisecond)
		g.request("a")
		pass(5 * time.Second)
		g.request("a")
		g.down()
		g.boot()
		for range 10 {
			g.request("a")
		}
		pass(5 * time.Second)
		g.starts("a", 1)
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestKill(t *testing.T) {
	for _, tc := range []struct {
		name    string
		when    func(g *rig)
		history []string
		starts  int
	}{
		{"while it waits for a slot", func(g *rig) {
			g.request("b")
			g.request("c")
			pass(100 * time.Millisecond)
			g.request("a")
			pass(100 * time.Millisecond)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while the server is away", func(g *rig) {
			g.server.set(func(s *fakeServer) { s.down = true })
			g.request("a")
			pass(5 * time.Second)
			g.kill("a")
			pass(5 * time.Second)
			g.server.set(func(s *fakeServer) { s.down = false })
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while it is claimed", func(g *rig) {
			g.server.set(func(s *fakeServer) { s.latency = time.Second })
			g.request("a")
			pass(1500 * time.Millisecond)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"before its child exists", func(g *rig) {
			g.runner.before = func(ctx context.Context, _ queue.Request) { <-ctx.Done() }
			g.request("a")
			pass(time.Second)
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"while it runs", func(g *rig) {
			g.request("a")
			pass(500 * time.Millisecond)
			g.kill("a")
			g.kill("a")
		}, []string{StatusRunning, StatusCancelled}, 1},
		{"when it ended, and nobody knows yet", func(g *rig) {
			g.request("a")
			pass(500 * time.Millisecond)
			g.server.set(func(s *fakeServer) { s.down = true })
			pass(10 * time.Minute)
			g.server.set(func(s *fakeServer) { s.down = false })
			g.kill("a")
			pass(time.Millisecond)
			g.journaled("a", journal.Delivered)
		}, []string{StatusRunning, StatusSuccess}, 1},
		{"after it was delivered", func(g *rig) {
			g.request("a")
			pass(5 * time.Second)
			g.kill("a")
		}, []string{StatusRunning, StatusSuccess}, 1},
		{"before its request", func(g *rig) {
			g.kill("a")
			pass(time.Second)
			g.history("a")
			g.request("a")
		}, []string{StatusRunning, StatusCancelled}, 0},
		{"never requested here", func(g *rig) { g.kill("a") }, nil, 0},
		{"somebody else's", func(g *rig) {
			g.server.results["a"] = Result{Status: StatusRunning, Report: "Task claimed by executor instance other"}
			g.server.set(func(s *fakeServer) { s.latency = time.Second })
			g.request("a")
			g.kill("a")
		}, nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.boot()
				tc.when(g)
				pass(time.Hour)
				g.history("a", tc.history...)
				g.starts("a", tc.starts)
				if diff := cmp.Diff(Stats{}, g.Stats()); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// A crash after each record: the next process does what is right, once.
func TestCrash(t *testing.T) {
	for _, tc := range []struct {
		after   journal.State
		history []string
		starts  int
		swept   bool
		report  string
	}{
		{journal.Accepted, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
		{journal.Starting, []string{StatusRunning, StatusFailure}, 0, true, "The executor stopped while the run was going on"},
		{journal.Started, []string{StatusRunning, StatusFailure}, 1, true, "It is not started again"},
		{journal.Ended, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
		{journal.Delivered, []string{StatusRunning, StatusSuccess}, 1, false, "all done"},
	} {
		t.Run(string(tc.after), func(t *testing.T) {
			simulated(t, func(t *testing.T, g *rig) {
				g.after = tc.after
				g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
					if g.mortal.isDead() {
						return Outcome{}
					}
					return g.runner.wait(ctx, time.Second)
				}
				g.boot()
				_ = g.Request(t.Context(), ask("a"))
				pass(3 * time.Second)
				g.down()
				if tc.after == journal.Starting {
					g.runner.starts["a"] = 0 // Starting never returned to that process
				}
				g.boot()
				g.request("a")
				pass(5 * time.Minute)
				g.history("a", tc.history...)
				g.starts("a", tc.starts)
				g.says("a", tc.report)
				g.journaled("a", journal.Delivered)
				if got := len(g.runner.swept) > 0; got != tc.swept {
					t.Errorf("swept: %v", g.runner.swept)
				}
			})
		})
	}
}

// A KILL that was acknowledged holds after a crash.
func TestCrashAfterKill(t *testing.T) {
	t.Run("of a waiting run", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.server.set(func(s *fakeServer) { s.down = true })
			g.request("a")
			pass(time.Second)
			g.kill("a")
			g.down()
			g.server.set(func(s *fakeServer) { s.down = false })
			g.boot()
			pass(time.Hour)
			g.history("a", StatusRunning, StatusCancelled)
			g.starts("a", 0)
		})
	})
	t.Run("of a running one", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
				time.Sleep(time.Minute) // it does not want to end
				return Outcome{Status: StatusCancelled}
			}
			g.boot()
			g.request("a")
			pass(time.Second)
			g.kill("a")
			g.down()
			g.boot()
			pass(time.Hour)
			g.history("a", StatusRunning, StatusCancelled)
			if diff := cmp.Diff([]Orphan{{ID: "a", PID: 101, StartTime: 7}}, g.runner.swept); diff != "" {
				t.Error(diff)
			}
		})
	})
}

func TestSweepThatFailsStopsTheStart(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.after = journal.Started
		g.boot()
		g.request("a")
		pass(5 * time.Second)
		g.down()
		g.runner.sweepErr = errors.New("it will not die")
		if err := g.tryBoot(); !errors.Is(err, g.runner.sweepErr) {
			t.Errorf("got %v", err)
		}
		pass(time.Hour)
		g.history("a", StatusRunning)
	})
}

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

func TestTimeout(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.Timeout = 10 * time.Minute }
		g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome { return g.runner.wait(ctx, time.Hour) }
		g.boot()
		g.request("a")
		pass(11 * time.Minute)
		g.history("a", StatusRunning, StatusFailure)
		g.says("a", "it took longer than the executor allows: 10m0s.")
		if cause := g.runner.causes["a"]; cause != ErrTimeout {
			t.Errorf("the runner was told %v", cause)
		}
	})
}

func TestMalformedRequestIsAnswered(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		q := ask("a")
		q.Problem = "args are no map of texts"
		if err := g.Request(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		g.history("a", StatusRunning, StatusFailure)
		g.starts("a", 0)
		g.says("a", "args are no map of texts")
		if err := g.Request(t.Context(), ask("../a")); !errors.Is(err, queue.ErrID) {
			t.Errorf("got %v", err)
		}
	})
}

// CANCELLED is for those who asked.
func TestRunnerCannotCancel(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.runner.during = func(context.Context, queue.Request, Sink) Outcome { return Outcome{Status: StatusCancelled} }
		g.boot()
		g.request("a")
		pass(time.Minute)
		g.history("a", StatusRunning, StatusFailure)
	})
}

func TestTooManyWait(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.options = func(o *Options) { o.MaxWaiting = 2 }
		g.boot()
		for _, id := range []string{"a", "b", "c", "d"} {
			g.request(id)
			synctest.Wait()
		}
		if err := g.Request(t.Context(), ask("e")); !errors.Is(err, ErrBusy) {
			t.Errorf("got %v", err)
		}
		pass(2 * time.Second)
		g.request("e")
		pass(time.Minute)
		g.history("e", StatusRunning, StatusSuccess)
	})
}

func TestProgress(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var text atomic.Value
		text.Store("No logs yet")
		g.runner.during = func(ctx context.Context, _ queue.Request, s Sink) Outcome {
			s.Progress(func(int) string { return text.Load().(string) })
			return g.runner.wait(ctx, time.Hour)
		}
		g.boot()
		g.request("a")
		pass(9 * time.Minute)
		if writes := g.server.count(); writes != 2 { // the claim, and the text once
			t.Errorf("%d writes for a text that does not change", writes)
		}
		pass(40 * time.Minute)
		if writes := g.server.count(); writes < 5 || writes > 7 {
			t.Errorf("%d writes in 49 minutes", writes)
		}
		g.says("a", "No logs yet\n[still running at ")
		for i := range 600 {
			text.Store(fmt.Sprint("line ", i))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		if writes := g.server.count(); writes < 30 || writes > 37 {
			t.Errorf("%d writes after a minute of changes", writes)
		}
	})
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

func TestFullDisk(t *testing.T) {
	t.Run("at the request", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Accepted, journal.ErrFull)
			if err := g.Request(t.Context(), ask("a")); !errors.Is(err, journal.ErrFull) {
				t.Errorf("got %v", err)
			}
			g.mortal.failing(journal.Accepted, nil)
			g.request("a")
			pass(time.Minute)
			g.history("a", StatusRunning, StatusSuccess)
		})
	})
	t.Run("before the start", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Starting, journal.ErrFull)
			g.request("a")
			pass(time.Minute)
			g.history("a", StatusRunning, StatusFailure)
			g.starts("a", 0)
			g.says("a", "no space for the journal")
		})
	})
	t.Run("at the end", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.boot()
			g.mortal.failing(journal.Ended, journal.ErrFull)
			g.request("a")
			pass(500 * time.Millisecond)
			g.server.set(func(s *fakeServer) { s.down = true })
			pass(time.Minute)
			g.journaled("a", journal.Started)
			g.mortal.failing(journal.Ended, nil)
			pass(5 * time.Minute)
			g.server.set(func(s *fakeServer) { s.down = false })
			pass(5 * time.Minute)
			g.history("a", StatusRunning, StatusSuccess)
			g.journaled("a", journal.Delivered)
		})
	})
	t.Run("at a KILL", func(t *testing.T) {
		simulated(t, func(t *testing.T, g *rig) {
			g.runner.during = func(ctx context.Context, _ queue.Request, _ Sink) Outcome {
				<-ctx.Done()
				time.Sleep(5 * time.Second)
				return Outcome{Status: StatusCancelled}
			}
			g.boot()
			g.request("a")
			pass(500 * time.Millisecond)
			g.mortal.failing(journal.Ended, journal.ErrFull)
			for range 2 {
				if err := g.Signal(t.Context(), queue.Signal{ID: "a", Name: queue.Kill}); !errors.Is(err, journal.ErrFull) {
					t.Errorf("acknowledged: %v", err)
				}
			}
			g.mortal.failing(journal.Ended, nil)
			g.kill("a")
			g.journaled("a", journal.Ended)
			pass(time.Minute)
			g.history("a", StatusRunning, StatusCancelled)
		})
	})
}

// What a waiting run would hold is read again from the journal.
func TestBigRequest(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		recipe := strings.Repeat("x", 2*smallRequest)
		var got string
		g.runner.before = func(_ context.Context, q queue.Request) { got = q.Args["recipe"] }
		g.boot()
		q := ask("a")
		q.Args["recipe"] = recipe
		if err := g.Request(t.Context(), q); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if got != recipe {
			t.Errorf("the runner got %d bytes", len(got))
		}
	})
}

func TestRunnerThatStartsTwice(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		var again error
		g.runner.during = func(_ context.Context, _ queue.Request, s Sink) Outcome {
			again = s.Starting()
			return Outcome{Status: StatusSuccess}
		}
		g.boot()
		g.request("a")
		pass(time.Minute)
		if again == nil {
			t.Error("it may start again")
		}
		g.history("a", StatusRunning, StatusSuccess)
	})
}

// A KILL between the decision to start and the child: what the next process
// would have to end is known.
func TestKillWhileStarting(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		tell := make(chan Sink)
		g.runner.silent = true
		g.runner.during = func(_ context.Context, _ queue.Request, s Sink) Outcome {
			tell <- s
			time.Sleep(time.Hour)
			return Outcome{Status: StatusCancelled}
		}
		g.boot()
		g.request("a")
		s := <-tell
		g.kill("a")
		s.Started(4711, 8)
		synctest.Wait()
		g.down()
		g.boot()
		pass(time.Hour)
		g.history("a", StatusRunning, StatusCancelled)
		if diff := cmp.Diff([]Orphan{{ID: "a", PID: 4711, StartTime: 8}}, g.runner.swept); diff != "" {
			t.Error(diff)
		}
	})
}

func TestSignalsThatMeanNothing(t *testing.T) {
	simulated(t, func(t *testing.T, g *rig) {
		g.boot()
		g.request("a")
		pass(100 * time.Millisecond)
		for _, s := range []queue.Signal{{ID: "a", Name: "PAUSE"}, {ID: "../a", Name: queue.Kill}, {Name: queue.Kill}} {
			if err := g.Signal(t.Context(), s); err != nil {
				t.Errorf("%+v: %v", s, err)
			}
		}
		pass(time.Minute)
		g.history("a", StatusRunning, StatusSuccess)
	})
}

func TestOptionsThatAreMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil || strings.Count(err.Error(), "is missing") != 5 {
		t.Errorf("got %v", err)
	}
}

func TestBackoff(t *testing.T) {
	o := Options{}.withDefaults()
	for attempts := range 100 {
		d := o.backoff(attempts)
		if d < o.RetryFirst/2 || d > o.RetryMost || attempts > 20 && d < o.RetryMost/2 {
			t.Errorf("attempt %d waits %v", attempts, d)
		}
	}
}

func TestEarlyKillsAreBounded(t *testing.T) {
	var k earlyKills
	for i := range maxEarlyKills + 10 {
		k.add(fmt.Sprint(i))
		k.add(fmt.Sprint(i))
	}
	if len(k) != maxEarlyKills || k.take("9") || !k.take("10") || k.take("10") {
		t.Errorf("%d are kept", len(k))
	}
}

func TestStatusesAgree(t *testing.T) {
	ours := []string{StatusRunning, StatusSuccess, StatusFailure, StatusCancelled}
	pure := []lifecycle.Status{lifecycle.StatusRunning, lifecycle.StatusSuccess, lifecycle.StatusFailure, lifecycle.StatusCancelled}
	for i := range ours {
		if ours[i] != string(pure[i]) {
			t.Errorf("%s is %s", ours[i], pure[i])
		}
	}
}
