// Package capacity decides when a task may run: a pool has so many workers,
// and the weights of the tasks that run at once do not exceed its size.
//
//	pool := capacity.New(capacity.Options{Workers: 4})
//	release, err := pool.Acquire(ctx, weight)
//	if err != nil { ... } // ctx has ended
//	defer release()
//
// Tasks go in the order of arrival. Upstream lets a big task hold up all small
// ones behind it; here they pass it, but only so often that it cannot starve.
package capacity

import (
	"context"
	"sync"
)

// Defaults of a pool.
const (
	// DefaultWorkers is upstream's for ingestion.
	DefaultWorkers = 4
	// DefaultOvertakes is how many later tasks may go before a waiting one: a
	// big task waits for a few small ones more than in strict order.
	DefaultOvertakes = 8
)

// Options of a pool.
type Options struct {
	Workers   int // 0: DefaultWorkers
	Overtakes int // 0: DefaultOvertakes; negative: strict order
}

// Pool is safe for concurrent use.
type Pool struct {
	mu      sync.Mutex
	line    line
	granted uint64
}

// New returns a pool with nothing in it.
func New(o Options) *Pool {
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	if o.Overtakes == 0 {
		o.Overtakes = DefaultOvertakes
	}
	return &Pool{line: line{workers: o.Workers, overtakes: max(o.Overtakes, 0)}}
}

// Acquire waits until a task of this weight may run. The weight is brought
// between 1 and Size, so that every task fits into an empty pool. What it
// returns gives the place back, and may be called more than once. When ctx ends
// first it fails with its error, and has taken nothing.
func (p *Pool) Acquire(ctx context.Context, w Weight) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	t := &ticket{weight: w.clamp(), ready: make(chan struct{})}
	p.mu.Lock()
	p.line.join(t)
	p.mu.Unlock()
	select {
	case <-t.ready:
	case <-ctx.Done():
		p.abandon(t)
		return nil, ctx.Err()
	}
	p.mu.Lock()
	p.granted++
	p.mu.Unlock()
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.line.end(t)
	}), nil
}

// abandon gives up a place, which may have been granted in the meantime.
func (p *Pool) abandon(t *ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.line.leave(t) {
		p.line.end(t)
	}
}

// Stats are numbers for metrics.
type Stats struct {
	Workers, Active, Waiting int
	Size, Weight             Weight // Weight is that of the active tasks
	Granted                  uint64 // tasks that Acquire let go, since New
}

// Stats returns them as of now.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{p.line.workers, p.line.active, len(p.line.waiting), Size, p.line.weight, p.granted}
}
