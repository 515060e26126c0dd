package integration_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/gmstest"
)

// TestServerIsAway has runs end while the server is not there, says nothing,
// or says that it has no time. All of them are delivered when it is back; one
// that the server learns of for the first time by then is run.
func TestServerIsAway(t *testing.T) {
	t.Parallel()
	for name, breakIt := range map[string]func(p *place) (mend func()){
		"down": func(p *place) func() {
			p.gms.Stop()
			return func() { must(p.t, p.gms.Restart()) }
		},
		"hanging": func(p *place) func() { return p.gms.Fail(gmstest.Fault{Hang: true}) },
		"503": func(p *place) func() {
			return p.gms.Fail(gmstest.Fault{Status: 503, Header: http.Header{"Retry-After": {"1"}}, Text: "<html>no healthy upstream</html>"})
		},
		"cutting connections": func(p *place) func() { return p.gms.Fail(gmstest.Fault{Drop: true}) },
		"storing without an answer": func(p *place) func() {
			return p.gms.Fail(gmstest.Fault{Path: "/aspects", DropAfter: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.start("LOCKFORGE_EXECUTOR_GMS_TIMEOUT=1").serving()
			ids := []string{"good", "bad", "killed"}
			p.request("good", act{MS: 1000})
			p.request("bad", act{MS: 1200, Exit: 3})
			p.request("killed", act{MS: 1100})
			for _, id := range ids {
				p.awaitStart(id)
			}
			mend := breakIt(p)
			time.Sleep(4 * time.Second) // all three have ended
			if left := p.processes(); len(left) != 1 {
				t.Errorf("beside the executor there are %q", left)
			}
			mend()
			for id, status := range map[string]string{"good": "SUCCESS", "bad": "FAILURE", "killed": "SUCCESS"} {
				p.ends(id, status)
			}
			p.request("after", act{})
			p.ends("after", "SUCCESS")
			e.drain()
			p.settled(append(ids, "after")...)
			p.trail()
		})
	}
}

// TestServerIsAwayForLong has runs end all through an outage, so that the pauses
// between tries have become long. Probes stay content meanwhile, nothing of the
// runs is left, and the executor does not grow. (Hours of it are simulated in
// package worker.)
func TestServerIsAwayForLong(t *testing.T) {
	t.Parallel()
	const outage = 40 * time.Second
	for name, f := range map[string]gmstest.Fault{
		"hanging": {Hang: true}, "503": {Status: 503, Text: "<html>no healthy upstream</html>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			e := p.start("DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=12", "LOCKFORGE_EXECUTOR_GMS_TIMEOUT=2").serving()
			var ids []string
			for i := range 12 {
				ids = append(ids, fmt.Sprintf("long-%02d", i))
				p.request(ids[i], act{MS: 2000 + 3000*i, Exit: i % 2, Flood: 1 << 20})
			}
			for _, id := range ids {
				p.awaitStart(id)
			}
			before := e.peak()
			mend := p.gms.Fail(f)
			begun := time.Now()
			for time.Since(begun) < outage {
				p.beating()
				time.Sleep(time.Second)
			}
			if left := p.processes(); len(left) != 1 {
				t.Errorf("beside the executor there are %q", left)
			}
			if grown := e.peak() - before; grown > 32<<20 {
				t.Errorf("the executor has grown by %d MiB", grown>>20)
			}
			p.request("after", act{})
			mend()
			for i, id := range ids {
				r := p.final(id, 90*time.Second)
				if want := []string{"SUCCESS", "FAILURE"}[i%2]; r.Status != want {
					t.Errorf("run %s ended as %s, want %s", id, r.Status, want)
				}
			}
			p.final("after", 90*time.Second)
			t.Logf("everything was delivered %s after the outage", (time.Since(begun) - outage).Round(time.Second))
			e.drain()
			p.settled(append(ids, "after")...)
			p.trail()
		})
	}
}

// TestServerIsAwayForAWholeLife has an executor start, end its runs and drain
// with nobody to tell, and the next one deliver.
func TestServerIsAwayForAWholeLife(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	few := []string{"LOCKFORGE_EXECUTOR_DRAIN_WAIT=0", "DATAHUB_EXECUTOR_GRACEFUL_SHUTDOWN_PERIOD=1", "LOCKFORGE_EXECUTOR_GMS_TIMEOUT=1"}
	e := p.start(few...).serving()
	p.request("unheard", act{MS: 300})
	p.awaitStart("unheard")
	p.gms.Stop()
	e.drain()
	p.start(few...).serving().kill() // has it still
	p.start(few...).serving().drain()
	must(t, p.gms.Restart())
	e = p.start().serving()
	p.final("unheard", 10*time.Second)
	e.drain()
	p.settled("unheard")
}

// TestAnswersOfTheServerGetLost loses answers and requests one by one, at
// every exchange of a run in turn.
func TestAnswersOfTheServerGetLost(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start("LOCKFORGE_EXECUTOR_GMS_TIMEOUT=1").serving()
	var ids []string
	for after := range 6 {
		for name, f := range map[string]gmstest.Fault{
			"drop": {Drop: true}, "drop-after": {DropAfter: true}, "error": {Status: 500, Text: "java.lang.NullPointerException"},
		} {
			id := fmt.Sprintf("%s-%d", name, after)
			ids = append(ids, id)
			f.After, f.Times = after, 1
			remove := p.gms.Fail(f)
			p.request(id, act{MS: 10})
			p.ends(id, "SUCCESS")
			remove()
		}
	}
	e.drain()
	p.settled(ids...)
}

// TestSomebodyElseEndsTheRun has the server's sweeper, or another executor,
// decide about a run that goes on here.
func TestSomebodyElseEndsTheRun(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	p.gms.AddRequest("theirs", p.input(act{}))
	p.gms.SetResult("theirs", map[string]any{"status": "RUNNING", "report": "Task claimed by executor instance other; version = 1"})
	p.gms.Signal("theirs", "KILL", "")
	p.request("run", act{MS: 60_000})
	pid := p.awaitStart("run")
	p.gms.SetResult("run", map[string]any{"status": "CANCELLED", "report": "by an admin"})
	p.eventually(20*time.Second, "end of the child", func() bool { return !isAlive(pid) })
	e.drain()
	p.settled("run")
	if r, _ := p.gms.Result("theirs"); r.Status != "RUNNING" || len(p.gms.History("theirs")) != 1 || len(p.started("theirs")) != 0 {
		t.Errorf("a run of another executor has become %+v", r)
	}
}
