package poll

import "time"

// maxGeneration is how many ids one generation of a memory holds; about 5 MiB.
const maxGeneration = 50_000

// memory knows ids that need not be looked at again, or not before some time.
// It holds two generations: when the younger one is full, the older one goes,
// so that the ids asked for last are the ones that stay. The zero value is empty.
type memory struct {
	young, old map[string]time.Time
}

// knows says whether id need not be looked at now.
func (m *memory) knows(id string, now time.Time) bool {
	until, ok := m.young[id]
	if !ok {
		if until, ok = m.old[id]; ok {
			m.keep(id, until)
		}
	}
	return ok && (until.IsZero() || now.Before(until))
}

// keep notes id until some time; zero: for good.
func (m *memory) keep(id string, until time.Time) {
	if m.young == nil || len(m.young) >= maxGeneration {
		m.young, m.old = map[string]time.Time{}, m.young
	}
	m.young[id] = until
}
