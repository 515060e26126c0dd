package integration_test

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
)

// isAlive tells whether a process is there and not dead.
func isAlive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

// TestKill asks for the end of runs at every time there is, over either source.
func TestKill(t *testing.T) {
	t.Parallel()
	t.Run("polling", func(t *testing.T) {
		t.Parallel()
		kills(t, newPlace(t))
	})
	t.Run("Kafka", func(t *testing.T) {
		t.Parallel()
		p := newKafkaPlace(t, kafkatest.Shared(t), 1)
		kills(t, p.place)
	})
}

func kills(t *testing.T, p *place) {
	e := p.start("DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=1").serving()
	p.gms.Signal("never-asked-for", "KILL", "")

	p.gms.Signal("early", "KILL", "")
	p.request("early", act{MS: 60_000})
	p.ends("early", "CANCELLED")

	p.request("going-on", act{MS: 60_000, Detach: true})
	pid := p.awaitStart("going-on")
	p.request("in-line", act{})
	p.gms.Signal("in-line", "KILL", "")
	p.gms.Signal("going-on", "KILL", "where-the-source-is-now")
	p.ends("going-on", "CANCELLED")
	p.ends("in-line", "CANCELLED")
	if isAlive(pid) {
		t.Error("a run was reported as cancelled while its child lived")
	}

	p.request("stubborn", act{MS: 60_000, Stubborn: true, Detach: true})
	p.awaitStart("stubborn")
	start := time.Now()
	p.gms.Signal("stubborn", "KILL", "")
	p.ends("stubborn", "CANCELLED")
	t.Logf("a run that ignores SIGTERM ended %s after the KILL, with a grace of 1 s", time.Since(start).Round(10*time.Millisecond))

	p.request("over", act{})
	p.ends("over", "SUCCESS")
	p.gms.Signal("over", "KILL", "")
	p.request("last", act{}) // comes after it
	p.ends("last", "SUCCESS")
	e.drain()
	p.settled("early", "going-on", "in-line", "stubborn", "over", "last")
	for _, id := range []string{"early", "in-line"} {
		if n := len(p.started(id)); n != 0 {
			t.Errorf("run %s, which was cancelled before its turn, was started %d times", id, n)
		}
	}
	if history := p.gms.History("never-asked-for"); len(history) > 0 {
		t.Errorf("a run that nobody asked for has the states %s", statuses(history))
	}
	p.trail()
}

// TestChildIsKilled kills the CLI, which tells nobody.
func TestChildIsKilled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	for id, signal := range map[string]syscall.Signal{"killed": syscall.SIGKILL, "crashed": syscall.SIGSEGV, "stopped": syscall.SIGTERM} {
		p.request(id, act{MS: 60_000, Detach: true})
		pid := p.awaitStart(id)
		time.Sleep(50 * time.Millisecond) // its process in a session of its own is there
		must(t, syscall.Kill(pid, signal))
		r := p.ends(id, "FAILURE")
		if name := unix.SignalName(signal); !strings.Contains(r.Report, name) {
			t.Errorf("the report does not tell of %s:\n%s", name, r.Report)
		}
	}
	e.drain()
	p.settled("killed", "crashed", "stopped")
}

// TestOutputIsHeld leaves a process in a session of its own that holds the
// output open: the run has ended when its child has.
func TestOutputIsHeld(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.start().serving()
	for id, exit := range map[string]int{"held": 0, "held-failing": 3} {
		p.request(id, act{Exit: exit, Detach: true})
		p.awaitStart(id)
		start := time.Now()
		r := p.ends(id, map[int]string{0: "SUCCESS", 3: "FAILURE"}[exit])
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("run %s ended %s after its start, though its child does nothing", id, took.Round(time.Millisecond))
		}
		if exit != 0 && !strings.Contains(r.Report, "code 3") {
			t.Errorf("the report does not tell of the exit code:\n%s", r.Report)
		}
		p.eventually(2*time.Second, "end of what run "+id+" left", func() bool { return len(p.processes()) == 1 })
	}
	e.drain()
	p.settled("held", "held-failing")
}

// TestDrain ends an executor with a run that takes its time, one that takes
// longer than there is, and one that waits.
func TestDrain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	two := []string{"DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=2", "LOCKFORGE_EXECUTOR_DRAIN_WAIT=4"}
	p.request("short", act{MS: 3000}) // it must not end before the third run is known, a second later
	p.request("long", act{MS: 60_000})
	e := p.start(two...).serving()
	p.awaitStart("short")
	p.awaitStart("long")
	p.request("waiting", act{})
	p.eventually(10*time.Second, "acceptance of the third run", func() bool { return p.audited("waiting") })
	start := time.Now()
	e.drain()
	if took := time.Since(start); took < 4*time.Second || took > 14*time.Second {
		t.Errorf("draining took %s; runs have 4 s, and then 1 s to end", took)
	}
	p.ends("short", "SUCCESS")
	p.ends("long", "FAILURE")
	if _, there := p.gms.Result("waiting"); there {
		t.Error("the waiting run has a result")
	}
	p.nothingLeft()
	e = p.start(two...).serving()
	p.ends("waiting", "SUCCESS")
	e.drain()
	p.settled("short", "long", "waiting")
	p.trail()
}
