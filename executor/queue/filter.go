package queue

import "slices"

// cliPool is the pool that the CLI names when it reports its own runs. Nobody
// is to execute those.
const cliPool = "__datahub_cli_"

// Filter says what an executor cares about.
type Filter struct {
	// Pools are the pools it serves; none means DefaultPool.
	Pools []string
}

// Match tells whether a request is for this executor.
func (f Filter) Match(r Request) bool {
	switch {
	case r.Pool == cliPool:
		return false
	case len(f.Pools) == 0:
		return r.Pool == DefaultPool
	}
	return slices.Contains(f.Pools, r.Pool)
}

// MatchSignal tells whether a signal may be for this executor. All pass but those
// for the CLI's own runs: a signal carries the pool that its ingestion source
// has now, which need not be the one that has the run. Whoever does not have
// the run must ignore it.
func (Filter) MatchSignal(s Signal) bool {
	return s.Pool != cliPool
}
