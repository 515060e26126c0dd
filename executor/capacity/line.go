package capacity

// line is the state of a pool: who runs, who waits. It is a plain value without
// a lock or a clock, so that every schedule can be tested.
type line struct {
	workers   int
	overtakes int
	active    int
	weight    Weight
	waiting   []*ticket // in the order of arrival
}

// ticket is one task's place.
type ticket struct {
	weight Weight
	passed int           // how many later ones went first
	ready  chan struct{} // closed when it is granted
}

// join adds a task at the end and grants what can be granted.
func (l *line) join(t *ticket) {
	l.waiting = append(l.waiting, t)
	l.grant()
}

// leave takes a task out that gave up waiting. It says whether it still waited.
func (l *line) leave(t *ticket) bool {
	for i, other := range l.waiting {
		if other == t {
			l.remove(i)
			l.grant()
			return true
		}
	}
	return false
}

// end gives back what a granted task had.
func (l *line) end(t *ticket) {
	l.active--
	l.weight -= t.weight
	l.grant()
}

// grant lets tasks go in the order of arrival. One that does not fit is passed
// by smaller ones, until it was passed so often that all behind it wait for it.
func (l *line) grant() {
	for i := 0; i < len(l.waiting) && l.active < l.workers; {
		t := l.waiting[i]
		switch {
		case l.weight+t.weight <= Size:
			for _, earlier := range l.waiting[:i] {
				earlier.passed++
			}
			l.active++
			l.weight += t.weight
			l.remove(i)
			close(t.ready)
			// Those in front may have reached their bound by this.
			i = 0
		case t.passed >= l.overtakes:
			return
		default:
			i++
		}
	}
}

func (l *line) remove(i int) {
	copy(l.waiting[i:], l.waiting[i+1:])
	last := len(l.waiting) - 1
	l.waiting[last] = nil
	l.waiting = l.waiting[:last]
}
