package integration_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/executor/internal/kafkatest"
	"github.com/lockforge/lockforge/internal/wrongclock"
)

// The clocks of the tests: no certificate and no cache is good for that long.
const (
	ahead  = 400 * 24 * time.Hour
	behind = -365 * 24 * time.Hour
)

// wrongProgram is the executor with a clock that a test can move.
var wrongProgram = sync.OnceValues(func() (string, error) {
	overlay, err := wrongclock.Overlay(context.Background(), filepath.Join(scratch, "clock"))
	if err != nil {
		return "", err
	}
	path := filepath.Join(scratch, "executor-wrong")
	return path, compile(path, overlay)
})

// moved has the place's executors be programs whose clock the hand moves.
func (p *place) moved() wrongclock.Hand {
	p.t.Helper()
	path, err := wrongProgram()
	must(p.t, err)
	hand, err := wrongclock.NewHand(p.path("clock"))
	must(p.t, err)
	p.program, p.env = path, append(p.env, hand.Env())
	return hand
}

// beating checks that probes are content. The files are taken away, so that
// what is there afterwards was made since.
func (p *place) beating() {
	p.t.Helper()
	for _, name := range []string{"alive", "ready"} {
		_ = os.Remove(p.path(name)) // it may be about to be made
		p.eventually(10*time.Second, "heartbeat "+name, func() bool {
			_, err := os.Stat(p.path(name))
			return err == nil
		})
	}
}

// sensible checks the times that the server was told of a run that took this
// process a moment.
func (p *place) sensible(ids ...string) {
	p.t.Helper()
	for _, id := range ids {
		for _, state := range p.gms.History(id) {
			if state.DurationMS < 0 || state.DurationMS > time.Minute.Milliseconds() {
				p.t.Errorf("run %s, %s: it took %s", id, state.Status, time.Duration(state.DurationMS)*time.Millisecond)
			}
		}
	}
}

// TestClockJumps has the executor's own clock wrong from the start, then jump
// while a run goes on, one waits and one is being cancelled, and at last be
// right again. The server's stays right.
func TestClockJumps(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]func(t *testing.T) *place{
		"polling": func(t *testing.T) *place { return newPlace(t) },
		"Kafka":   func(t *testing.T) *place { return newKafkaPlace(t, kafkatest.Shared(t), 1).place },
	} {
		for _, jumps := range [][]time.Duration{{0, ahead, 0}, {ahead, behind, 0}, {behind, ahead, behind}} {
			t.Run(fmt.Sprint(name, jumps), func(t *testing.T) {
				t.Parallel()
				p := source(t)
				hand := p.moved()
				must(t, hand.Set(jumps[0]))
				e := p.start("DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=2").serving()
				var ids []string
				for i, jump := range jumps[1:] {
					name := func(what string) string {
						ids = append(ids, fmt.Sprintf("%s-%d", what, i))
						return ids[len(ids)-1]
					}
					over, killed, waiting := name("over"), name("killed"), name("waiting")
					p.request(over, act{MS: 1000})
					p.request(killed, act{MS: 60_000})
					p.awaitStart(over)
					p.awaitStart(killed)
					p.request(waiting, act{})
					p.gms.Signal(killed, "KILL", "")
					must(t, hand.Set(jump))
					p.ends(over, "SUCCESS")
					p.ends(killed, "CANCELLED")
					p.ends(waiting, "SUCCESS")
					p.beating()
				}
				e.drain()
				p.settled(ids...)
				p.sensible(ids...)
				p.trail()
			})
		}
	}
}

// TestClockJumpsBetweenLives kills executors whose clocks disagree: what one
// left, the next one goes on with, however long ago or far ahead that was.
func TestClockJumpsBetweenLives(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	hand := p.moved()
	one := "DATAHUB_EXECUTOR_INGESTION_MAX_WORKERS=1"
	var ids []string
	for i, jump := range []time.Duration{0, ahead, behind, ahead, 0} {
		must(t, hand.Set(jump))
		e := p.start(one).serving()
		cut, waiting := fmt.Sprintf("cut-%d", i), fmt.Sprintf("waiting-%d", i)
		ids = append(ids, cut, waiting)
		p.request(cut, act{MS: 60_000, Detach: true})
		p.awaitStart(cut)
		p.request(waiting, act{})
		p.eventually(endLimit, "second run in the trail", func() bool { return p.audited(waiting) })
		e.kill()
		e = p.start(one).serving()
		p.ends(cut, "FAILURE")
		p.ends(waiting, "SUCCESS")
		e.drain()
	}
	p.settled(ids...)
	p.trail()
}

// TestClockJumpsAndLeases has two executors ask for the same requests, one with
// a clock that jumps and one that is a year behind. Both look for runs that were
// left, and must not take another executor's for one.
func TestClockJumpsAndLeases(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	hand := p.moved()
	must(t, hand.Set(ahead))
	p.gms.AddRequest("theirs", p.input(act{}))
	p.gms.SetResult("theirs", map[string]any{"status": "RUNNING", "report": "Task claimed by executor instance other; version = 1"})
	sweeps := []string{"LOCKFORGE_EXECUTOR_POLL_SWEEP=true", "DATAHUB_EXECUTOR_SWEEPER_ABORT_THRESHOLD=1200"}
	a := p.start(sweeps...).serving()
	late, err := wrongclock.NewHand(p.path("clock2"))
	must(t, err)
	must(t, late.Set(behind))
	b := p.start(append(append(p.beside(), sweeps...), late.Env())...).serving()
	var ids []string
	for i, jump := range []time.Duration{ahead, 0, behind, ahead} {
		must(t, hand.Set(jump))
		for j := range 6 {
			id := fmt.Sprintf("lease-%d-%d", i, j)
			ids = append(ids, id)
			p.request(id, act{MS: 100 * j})
		}
		for _, id := range ids {
			p.ends(id, "SUCCESS")
		}
	}
	a.drain()
	b.drain()
	p.settled(ids...)
	p.sensible(ids...)
	if history := p.gms.History("theirs"); len(history) != 1 {
		t.Errorf("a run that another executor has got the states %s", statuses(history))
	}
}
