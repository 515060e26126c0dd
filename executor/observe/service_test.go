package observe_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lockforge/lockforge/executor/gms"
	"github.com/lockforge/lockforge/executor/observe"
	"github.com/lockforge/lockforge/executor/observe/query"
)

const sqlMonitor = "kind: sql, connection: c, statement: SELECT 1, operator: less_than, value: 100"

func TestResultsWaitForTheServerAlsoOverRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{refuse: &gms.Error{Kind: gms.Unavailable}}
		o := observe.Options{File: file(t, sqlMonitor), Server: gmsServer, Warehouse: &warehouse{answers: []float64{1}}, Dir: t.TempDir()}
		for _, x := range run(t, o, 3*time.Minute+time.Second) {
			if x.Err == nil {
				t.Errorf("nobody hears that the server is away: %+v", x)
			}
		}
		if len(gmsServer.proposed) != 0 {
			t.Fatal("the server took something")
		}
		gmsServer.refuse = nil
		run(t, o, time.Minute)
		if len(gmsServer.proposed) < 3 {
			t.Fatalf("the server got %d results, want those of before", len(gmsServer.proposed))
		}
		ids := map[string]bool{}
		for _, p := range gmsServer.proposed {
			ids[p.RunID] = true
			if p.EntityType != "assertion" || p.URN != "urn:li:assertion:a" || p.Aspect != "assertionRunEvent" {
				t.Errorf("proposal %+v", p)
			}
		}
		if len(ids) != len(gmsServer.proposed) {
			t.Errorf("%d results are %d", len(ids), len(gmsServer.proposed))
		}
		entries, err := os.ReadDir(o.Dir)
		if err != nil || len(entries) != 1 {
			t.Errorf("files of state: %v, %v", entries, err)
		}
	})
}

func TestARefusedResultIsNotSentForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{refuse: &gms.Error{Kind: gms.Rejected, Detail: "no"}}
		o := observe.Options{File: file(t, sqlMonitor), Server: gmsServer, Warehouse: &warehouse{answers: []float64{1}}, Dir: t.TempDir()}
		if got := run(t, o, 61*time.Second); len(got) != 1 || gms.KindOf(got[0].Err) != gms.Rejected {
			t.Errorf("got %+v", got)
		}
		gmsServer.refuse = nil
		run(t, o, 50*time.Second)
		if len(gmsServer.proposed) != 0 {
			t.Errorf("sent again: %+v", gmsServer.proposed)
		}
	})
}

func TestFewerResultsThanNeededAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{refuse: &gms.Error{Kind: gms.Unavailable}}
		o := observe.Options{File: file(t, sqlMonitor), Server: gmsServer, Warehouse: &warehouse{answers: []float64{1}}, Dir: t.TempDir()}
		run(t, o, 150*time.Minute)
		gmsServer.refuse = nil
		run(t, o, 61*time.Second)
		if got := len(gmsServer.proposed); got != 100 && got != 101 {
			t.Errorf("%d results were kept", got)
		}
	})
}

func TestAPassiveMonitorReportsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{}
		o := observe.Options{File: file(t, sqlMonitor+", passive: true"), Server: gmsServer, Warehouse: &warehouse{answers: []float64{1}}}
		if got := run(t, o, 61*time.Second); len(got) != 1 || got[0].Result.Verdict != observe.Pass || len(gmsServer.proposed) != 0 {
			t.Errorf("got %+v, reported %v", got, gmsServer.proposed)
		}
	})
}

func TestASlowMonitorRunsOnceAtATimeAndEndsWithTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{}
		o := observe.Options{File: file(t, sqlMonitor), Server: gmsServer, Warehouse: &warehouse{answers: []float64{1}, slow: 150 * time.Second}}
		start := time.Now()
		got := run(t, o, 5*time.Minute+time.Second)
		var done, skipped int
		for _, x := range got {
			if x.Skipped {
				skipped++
			} else {
				done++
			}
		}
		// Begun at 1:00 and 4:00; the second is stopped at 5:01.
		if done != 1 || skipped != 3 || len(gmsServer.proposed) != 1 {
			t.Errorf("%d done, %d skipped, %d reported", done, skipped, len(gmsServer.proposed))
		}
		if took := time.Since(start); took > 5*time.Minute+2*time.Second {
			t.Errorf("the service ended after %s", took)
		}
	})
}

func TestSinceTheLastCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gmsServer := &server{series: map[string][]string{"operation": {op(ago(-90*time.Second), "INSERT")}}} // 0:02:30
		o := observe.Options{File: file(t, "kind: freshness, since_last_check: true"), Server: gmsServer}
		got := run(t, o, 4*time.Minute+time.Second)
		want := []observe.Verdict{observe.First, observe.Pass, observe.Pass, observe.Fail}
		// At 2:00 the operation lies ahead, by less than clocks differ; at 3:00
		// it lies after the check of 2:00.
		for i, x := range got {
			if i < len(want) && x.Result.Verdict != want[i] {
				t.Errorf("check %d: got %s, want %s", i, x.Result.Verdict, want[i])
			}
		}
		if len(got) != len(want) {
			t.Errorf("%d checks", len(got))
		}
	})
}

func TestAnotherStatementStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		check := func(statement string, value float64) observe.Verdict {
			got := run(t, observe.Options{
				File:   file(t, "kind: sql, connection: c, operator: less_than, value: 5, change: absolute, statement: "+statement),
				Server: &server{}, Warehouse: &warehouse{answers: []float64{value}}, Dir: dir,
			}, 60*time.Second+time.Millisecond)
			return got[0].Result.Verdict
		}
		for i, step := range []struct {
			statement string
			value     float64
			want      observe.Verdict
		}{
			{"SELECT 1", 1, observe.First}, {"SELECT 1", 2, observe.Pass}, {"SELECT 1", 20, observe.Fail},
			{"SELECT 2", 99, observe.First}, {"SELECT 2", 100, observe.Pass},
		} {
			if got := check(step.statement, step.value); got != step.want {
				t.Errorf("step %d: got %s, want %s", i, got, step.want)
			}
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		for _, damage := range []string{"", "{", `{"assertion":"urn:li:assertion:other"}`, `{"value":"x"}`} {
			if err := os.WriteFile(files[0], []byte(damage), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := check("SELECT 2", 1); got != observe.First {
				t.Errorf("after damage %q: got %s", damage, got)
			}
		}
	})
}

func TestAnErrorKeepsThePreviousValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &warehouse{answers: []float64{1}}
		o := observe.Options{
			File:   file(t, "kind: sql, connection: c, operator: equal_to, value: 1, change: absolute, statement: SELECT 1"),
			Server: &server{}, Warehouse: w, Dir: t.TempDir(),
		}
		const once = 60*time.Second + time.Millisecond
		run(t, o, once)
		w.err = &query.Error{Stage: query.Connect}
		run(t, o, once)
		w.err, w.answers = nil, []float64{2}
		if got := run(t, o, once); got[0].Result.Verdict != observe.Pass {
			t.Errorf("got %+v", got)
		}
	})
}

func TestNothingIsMadeUpForAfterASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ahead time.Duration
		o := observe.Options{
			File: file(t, sqlMonitor), Server: &server{}, Warehouse: &warehouse{answers: []float64{1}},
			Now: func() time.Time { return time.Now().Add(ahead) },
		}
		time.AfterFunc(150*time.Second, func() { ahead = 10 * time.Hour })
		time.AfterFunc(330*time.Second, func() { ahead = -10 * time.Hour })
		got := run(t, o, 8*time.Minute+30*time.Second)
		// The clock is looked at once a minute: one check is lost where it was
		// set back, and none is made up for where it was set forward.
		if len(got) != 7 {
			t.Errorf("%d checks in eight minutes", len(got))
		}
	})
}

func TestWorkersBoundWhatRunsAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := file(t, sqlMonitor)
		for _, name := range []string{"b", "c", "d", "e"} {
			m := f.Monitors[0]
			m.Assertion = "urn:li:assertion:" + name
			f.Monitors = append(f.Monitors, m)
		}
		start := time.Now()
		var last time.Duration
		w := &warehouse{answers: []float64{1}, slow: 10 * time.Second}
		o := observe.Options{File: f, Server: &locked{}, Warehouse: w, Workers: 2}
		for _, x := range run(t, o, 100*time.Second) {
			last = max(last, x.Took)
		}
		if last != 10*time.Second || time.Since(start) != 100*time.Second {
			t.Errorf("a check took %s", last)
		}
	})
}

// locked is a server for several monitors at a time.
type locked struct{ server }

func (*locked) Propose(context.Context, gms.Proposal) error { return nil }

func TestNewWantsWhatItNeeds(t *testing.T) {
	if _, err := observe.New(observe.Options{}); err == nil {
		t.Error("accepted nothing")
	}
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := observe.New(observe.Options{File: &observe.File{}, Server: &server{}, Dir: path})
	var pathErr *os.PathError
	if !errors.As(err, &pathErr) {
		t.Errorf("got %v", err)
	}
}
