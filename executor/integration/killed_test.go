package integration_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// lives is how often the executor is killed at a random moment.
const lives = 100

// TestTwoPollOnePool has two executors see every request, and one of them die
// now and then.
func TestTwoPollOnePool(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	a, b := p.start().serving(), p.start(p.beside()...).serving()
	var ids []string
	for round := range 5 {
		for range 8 {
			id := fmt.Sprintf("pool-%03d", len(ids))
			ids = append(ids, id)
			p.request(id, act{MS: 30 * (len(ids) % 8)})
		}
		time.Sleep(time.Duration(500+300*round) * time.Millisecond)
		if round%2 == 1 {
			b.kill()
			b = p.start(p.beside()...)
		}
	}
	for _, id := range ids {
		p.final(id, time.Minute)
	}
	a.drain()
	b.serving().drain()
	t.Logf("%v; of the first executor are %d", p.settled(ids...), strings.Count(a.said.String(), `"msg":"run started"`))
}

// TestNeighbourIsKilled has two executors on this host, of different servers,
// that run the same id. One is killed and clears up after itself.
func TestNeighbourIsKilled(t *testing.T) {
	t.Parallel()
	p, neighbour := newPlace(t), newPlace(t)
	e, other := p.start().serving(), neighbour.start().serving()
	neighbour.request("same", act{MS: 5000, Detach: true})
	neighbour.awaitStart("same")
	p.request("same", act{MS: 60_000, Detach: true})
	p.awaitStart("same")
	e.kill()
	e = p.start().serving()
	p.ends("same", "FAILURE")
	neighbour.ends("same", "SUCCESS")
	e.drain()
	other.drain()
	p.settled("same")
	neighbour.settled("same")
}

// TestExecutorIsKilled kills the executor again and again while runs come,
// go on, end and are cancelled.
func TestExecutorIsKilled(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var ids []string
	for life := range lives {
		for range random.IntN(3) {
			id := fmt.Sprintf("life-%03d", len(ids))
			ids = append(ids, id)
			p.request(id, act{
				MS: random.IntN(400), Exit: random.IntN(4) / 3, Detach: random.IntN(5) == 0, Stubborn: random.IntN(8) == 0,
				Password: []string{"", "${DB_PASSWORD}"}[random.IntN(2)],
			})
		}
		e := p.start("LOCKFORGE_EXECUTOR_TASK_GRACE=0.2")
		if len(ids) > 0 && random.IntN(3) == 0 {
			p.gms.Signal(ids[len(ids)-1-random.IntN(min(3, len(ids)))], "KILL", "")
		}
		if life%10 == 0 {
			e.serving() // some live longer than it takes to start, whatever the load
		}
		time.Sleep(time.Duration(random.IntN(500)) * time.Millisecond)
		if e.over() {
			t.Fatalf("in life %d the executor ended by itself:\n%s", life, tail(e.said.String()))
		}
		e.kill()
	}
	e := p.start().serving() // before that nobody heeds SIGTERM
	for _, id := range ids {
		p.final(id, 30*time.Second)
	}
	e.drain()
	t.Logf("%d runs over %d kills: %v", len(ids), lives, p.settled(ids...))
	p.trail()
	p.noSecret()
}
