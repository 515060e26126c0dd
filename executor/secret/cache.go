package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// CacheOptions say how long a Cache keeps what.
type CacheOptions struct {
	TTL time.Duration // more than 0
	Max int           // number of names; 0 is 1000
	// Missing keeps the absence of a name too, as upstream does for AWS but not for GCP.
	Missing bool
	Now     func() time.Time // time.Now where nil
}

// Cache is a store that remembers what a slower one said. Errors are not kept.
type Cache struct {
	store Store
	o     CacheOptions

	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	value string
	found bool
	until time.Time
}

// NewCache fails where o.TTL is not positive.
func NewCache(store Store, o CacheOptions) (*Cache, error) {
	if o.TTL <= 0 {
		return nil, fmt.Errorf("caching store %s: the time to live must be more than 0", store.ID())
	}
	if o.Max == 0 {
		o.Max = 1000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Cache{store: store, o: o, entries: map[string]entry{}}, nil
}

// ID returns that of the store behind the cache.
func (c *Cache) ID() string { return c.store.ID() }

// Values asks the store for the names that are not remembered.
func (c *Cache) Values(ctx context.Context, names []string) (map[string]string, error) {
	values := map[string]string{}
	missing := c.known(names, values)
	if len(missing) == 0 {
		return values, nil
	}
	fresh, err := c.store.Values(ctx, missing)
	maps.Copy(values, fresh)
	if err == nil {
		c.keep(missing, fresh)
	}
	return values, err
}

func (c *Cache) known(names []string, values map[string]string) (missing []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	for _, name := range names {
		e, ok := c.entries[name]
		switch {
		case !ok || !now.Before(e.until):
			missing = append(missing, name)
		case e.found:
			values[name] = e.value
		}
	}
	return missing
}

func (c *Cache) keep(names []string, values map[string]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.o.Now()
	maps.DeleteFunc(c.entries, func(_ string, e entry) bool { return !now.Before(e.until) })
	for _, name := range names {
		value, found := values[name]
		if !found && !c.o.Missing {
			delete(c.entries, name)
			continue
		}
		if _, known := c.entries[name]; !known && len(c.entries) >= c.o.Max {
			return
		}
		c.entries[name] = entry{value, found, now.Add(c.o.TTL)}
	}
}

// Prefixed is a store whose names all begin alike: asked for NAME it asks for
// prefix+NAME.
type Prefixed struct {
	store  Store
	prefix string
}

// ErrPrefix is the error for a prefix that not every store could have.
var ErrPrefix = errors.New("a prefix has letters, digits, hyphens and underscores only")

// NewPrefixed fails with ErrPrefix.
func NewPrefixed(store Store, prefix string) (*Prefixed, error) {
	for _, c := range []byte(prefix) {
		if c != '-' && !nameByte(c) {
			return nil, fmt.Errorf("%w, not as in %q", ErrPrefix, prefix)
		}
	}
	return &Prefixed{store, prefix}, nil
}

// ID returns that of the store behind it.
func (p *Prefixed) ID() string { return p.store.ID() }

// Values asks for the names with the prefix.
func (p *Prefixed) Values(ctx context.Context, names []string) (map[string]string, error) {
	long := make([]string, len(names))
	for i, name := range names {
		long[i] = p.prefix + name
	}
	found, err := p.store.Values(ctx, long)
	values := map[string]string{}
	for i, name := range names {
		if value, ok := found[long[i]]; ok {
			values[name] = value
		}
	}
	return values, err
}
