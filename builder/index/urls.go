package index

import (
	"context"
	"errors"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

// URLs finds a locked wheel or sdist, by its exact name and sha256, on the
// index that the lock names and on that index's mirrors, in this order. One
// place is enough: the errors of the others are dropped then.
//
// Errors: fault.Network, matching ErrNotFound where every place answered and
// none has the file; fault.Manifest for an index that the manifest lacks;
// fault.Cancelled.
func (c *Client) URLs(ctx context.Context, f lock.File) ([]string, error) {
	x, ok := c.set.Named(f.Origin)
	if !ok {
		return nil, fault.New(fault.Manifest, "locating %s: the lock takes it from index %q, which is not configured", f.Name, f.Origin).
			Hint("add index %q to the manifest's indexes", f.Origin)
	}
	var urls []string
	var errs []error
	for _, base := range x.bases() {
		files, err := c.project(ctx, x, base, f.Path)
		if fault.Is(err, fault.Cancelled) {
			return nil, err
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, file := range files {
			if file.Name == f.Name && file.SHA256 == f.SHA256 && !slices.Contains(urls, file.URL) {
				urls = append(urls, file.URL)
			}
		}
	}
	if len(urls) > 0 {
		return urls, nil
	}
	if !slices.ContainsFunc(errs, func(err error) bool { return !errors.Is(err, ErrNotFound) }) {
		return nil, fault.Wrap(fault.Network, ErrNotFound, "locating %s with sha256:%s on index %q", f.Name, f.SHA256, x.Name).
			Hint("index %q no longer has this file: lock anew (`lockforge lock --upgrade=%s`), or take it from a bundle or a mirror that keeps old files", x.Name, f.Path)
	}
	return nil, errors.Join(errs...)
}
