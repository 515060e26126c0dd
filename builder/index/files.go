package index

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// page is one project page under way or done.
type page struct {
	turn  chan struct{} // holds a token while a goroutine fetches the page
	done  bool
	files []File
}

// Files lists the files of a project on its index, in the order of their
// names, every one with a sha256. Where the index does not answer, its mirrors
// are asked; that it does not know the project is an answer. The slice is
// shared: callers must not change it.
//
// Errors: fault.Network, matching ErrNotFound for an unknown project and
// ErrDenied for missing credentials; fault.Cancelled.
func (c *Client) Files(ctx context.Context, project string) ([]File, error) {
	x := c.set.For(project)
	var errs []error
	for _, base := range x.bases() {
		files, err := c.project(ctx, x, base, project)
		if err == nil || errors.Is(err, ErrNotFound) || fault.Is(err, fault.Cancelled) {
			return files, err
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// project returns the page of one base: from memory, the cache folder, or the
// network. Several callers for one page share one request; a failure is not
// remembered.
func (c *Client) project(ctx context.Context, x Index, base, project string) ([]File, error) {
	address := base + "/" + url.PathEscape(normalize(project)) + "/"
	c.mu.Lock()
	p, ok := c.pages[address]
	if !ok {
		p = &page{turn: make(chan struct{}, 1)}
		c.pages[address] = p
	}
	c.mu.Unlock()
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Cancelled, context.Cause(ctx), "reading page of %s", project)
	}
	if p.done {
		return p.files, nil
	}
	files, ok := c.cached(address, x.Name)
	if !ok {
		var err error
		files, err = c.download(ctx, address)
		if err != nil {
			return nil, fault.Wrap(fault.KindOf(err), err, "reading page of %s on index %q", normalize(project), x.Name)
		}
		c.cache(address, files)
	}
	for i := range files {
		files[i].Index = x.Name
	}
	p.done, p.files = true, files
	return files, nil
}

// download fetches and parses one page.
func (c *Client) download(ctx context.Context, address string) (files []File, err error) {
	r, err := c.newRequest(http.MethodGet, address)
	if err != nil {
		return nil, err
	}
	r.accept = acceptPages
	err = c.try(ctx, r.url, func() error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		content, err := limitio.ReadAll(resp.Body, maxPage)
		if err != nil {
			return err
		}
		files, err = parsePage(resp.Header.Get("Content-Type"), content, resp.Request.URL)
		return err
	})
	return files, err
}
