package capacity

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// model drives a line by names, one step after the other.
type model struct {
	line
	tickets map[byte]*ticket
	order   []byte // granted ones, in order
	open    map[byte]bool
}

func newModel(workers, overtakes int) *model {
	return &model{line: line{workers: workers, overtakes: overtakes}, tickets: map[byte]*ticket{}, open: map[byte]bool{}}
}

// sync notes what was granted. Of those that one step grants, the first to
// arrive goes first.
func (m *model) sync() {
	for name := range 256 {
		t := m.tickets[byte(name)]
		if t == nil || !m.open[byte(name)] {
			continue
		}
		select {
		case <-t.ready:
			m.order = append(m.order, byte(name))
			delete(m.open, byte(name))
		default:
		}
	}
}

func (m *model) arrive(name byte, w Weight) {
	m.tickets[name] = &ticket{weight: w, ready: make(chan struct{})}
	m.open[name] = true
	m.join(m.tickets[name])
	m.sync()
}

func (m *model) finish(name byte) {
	m.end(m.tickets[name])
	m.sync()
}

func TestOrderOfArrival(t *testing.T) {
	m := newModel(2, 0)
	for name := byte('a'); name <= 'f'; name++ {
		m.arrive(name, 250)
	}
	for name := byte('a'); name <= 'd'; name++ {
		m.finish(name)
	}
	if diff := cmp.Diff("abcdef", string(m.order)); diff != "" {
		t.Error(diff)
	}
}

// a holds half; B needs all. Three of the small ones behind B may pass it.
func TestSmallOnesPassABigOneSoOften(t *testing.T) {
	m := newModel(4, 3)
	m.arrive('a', 500)
	m.arrive('b', 1000)
	for name := byte('c'); name <= 'h'; name++ {
		m.arrive(name, 100)
	}
	if diff := cmp.Diff("acde", string(m.order)); diff != "" {
		t.Fatal(diff)
	}
	for _, name := range []byte("cde") {
		m.finish(name)
	}
	if diff := cmp.Diff("acde", string(m.order)); diff != "" {
		t.Fatal("more went first:", diff)
	}
	m.finish('a')
	if diff := cmp.Diff("acdeb", string(m.order)); diff != "" {
		t.Fatal(diff)
	}
	m.finish('b')
	if diff := cmp.Diff("acdebfgh", string(m.order)); diff != "" {
		t.Fatal(diff)
	}
}

func TestStrictOrder(t *testing.T) {
	m := newModel(4, 0)
	m.arrive('a', 500)
	m.arrive('b', 1000)
	m.arrive('c', 100)
	if diff := cmp.Diff("a", string(m.order)); diff != "" {
		t.Error(diff)
	}
}

// A task that gives up makes room for those that waited because of it.
func TestLeavingUnblocks(t *testing.T) {
	m := newModel(4, 0)
	m.arrive('a', 500)
	m.arrive('b', 1000)
	m.arrive('c', 100)
	if !m.leave(m.tickets['b']) {
		t.Error("b did not wait")
	}
	m.sync()
	if diff := cmp.Diff("ac", string(m.order)); diff != "" {
		t.Error(diff)
	}
	if m.leave(m.tickets['a']) {
		t.Error("a waited")
	}
}

// Random schedules: the pool never holds too much, nobody is passed more often
// than allowed, nobody waits who could go, and everybody goes in the end.
func TestRandomSchedules(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		s := &schedule{t: t, random: random, passed: map[*ticket]int{}}
		s.workers, s.overtakes = 1+random.IntN(6), random.IntN(5)
		for range 60 {
			s.step()
		}
		for len(s.running) > 0 {
			s.finish(random.IntN(len(s.running)))
		}
		if len(s.waiting) > 0 || s.active != 0 || s.weight != 0 {
			t.Fatalf("left over: %d waiting, %d active, weight %d", len(s.waiting), s.active, s.weight)
		}
	}
}

// schedule checks a line against what it promises, with its own books.
type schedule struct {
	line
	t       *testing.T
	random  *rand.Rand
	arrived []*ticket // those that wait, in order
	running []*ticket
	passed  map[*ticket]int
}

func (s *schedule) step() {
	switch roll := s.random.IntN(10); {
	case roll < 5:
		t := &ticket{weight: Weight(1 + s.random.IntN(1000)), ready: make(chan struct{})}
		s.arrived = append(s.arrived, t)
		s.join(t)
		s.check()
	case roll < 6 && len(s.arrived) > 0:
		i := s.random.IntN(len(s.arrived))
		t := s.arrived[i]
		s.arrived = append(s.arrived[:i:i], s.arrived[i+1:]...)
		s.leave(t)
		s.check()
	case len(s.running) > 0:
		s.finish(s.random.IntN(len(s.running)))
	}
}

func (s *schedule) finish(i int) {
	t := s.running[i]
	s.running = append(s.running[:i:i], s.running[i+1:]...)
	s.end(t)
	s.check()
}

func (s *schedule) check() {
	var still []*ticket
	for _, t := range s.arrived {
		select {
		case <-t.ready:
			s.running = append(s.running, t)
			for _, earlier := range still {
				s.passed[earlier]++
			}
		default:
			still = append(still, t)
		}
	}
	s.arrived = still
	total := Weight(0)
	for _, t := range s.running {
		total += t.weight
	}
	if total > Size || len(s.running) > s.workers {
		s.t.Fatalf("%d run with weight %d", len(s.running), total)
	}
	barred := false
	for _, t := range s.arrived {
		if s.passed[t] > s.overtakes {
			s.t.Fatalf("passed %d times; the bound is %d", s.passed[t], s.overtakes)
		}
		if !barred && total+t.weight <= Size && len(s.running) < s.workers {
			s.t.Fatalf("weight %d waits beside %d", t.weight, total)
		}
		barred = barred || s.passed[t] == s.overtakes
	}
}
