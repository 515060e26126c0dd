package pypi

import "sync"

// flights runs a piece of work once per key and gives its result to everyone
// who asks, also while it is under way. An error is kept like a value: within
// one resolution, what went wrong once is not tried again.
type flights[T any] struct {
	mu    sync.Mutex
	calls map[string]*flight[T]
}

type flight[T any] struct {
	done  chan struct{}
	value T
	err   error
}

func (f *flights[T]) do(key string, work func() (T, error)) (T, error) {
	f.mu.Lock()
	if f.calls == nil {
		f.calls = map[string]*flight[T]{}
	}
	if c, ok := f.calls[key]; ok {
		f.mu.Unlock()
		<-c.done
		return c.value, c.err
	}
	c := &flight[T]{done: make(chan struct{})}
	f.calls[key] = c
	f.mu.Unlock()
	defer close(c.done)
	c.value, c.err = work()
	return c.value, c.err
}
