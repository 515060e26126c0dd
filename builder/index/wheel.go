package index

import (
	"context"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/store"
)

// maxWheel bounds a wheel that Wheel fetches, in bytes.
const maxWheel = 512 << 20

// Wheel fetches the pure Python wheel (py3-none-any) of one version of a
// project into the store, unless it is there, and opens it. The version is
// compared as the file name spells it. The caller closes the blob.
//
// Errors: those of Files and Get; fault.Resolve matching ErrNotFound when the
// project has no such wheel; fault.Integrity for other content than the index
// announced; fault.Internal for the disk.
func (c *Client) Wheel(ctx context.Context, project, version string, s *store.Store) (*store.Blob, File, error) {
	files, err := c.Files(ctx, project)
	if err != nil {
		return nil, File{}, err
	}
	for _, f := range files {
		if isPure(f.Name, project, version) {
			b, err := c.keep(ctx, f, s)
			return b, f, err
		}
	}
	return nil, File{}, fault.Wrap(fault.Resolve, ErrNotFound, "looking for the wheel of %s %s on index %q", project, version, c.set.For(project).Name).
		Hint("check the version; the index may not have it yet")
}

// isPure reports whether a file name is that of a project's py3-none-any
// wheel, in any of the legal spellings of name and tag.
func isPure(file, project, version string) bool {
	stem, ok := strings.CutSuffix(file, "-none-any.whl")
	if !ok {
		return false
	}
	parts := strings.Split(stem, "-")
	if len(parts) < 3 || len(parts) > 4 { // name, version, build number where there is one, tag
		return false
	}
	for _, tag := range strings.Split(parts[len(parts)-1], ".") {
		if tag == "py3" {
			return normalize(parts[0]) == normalize(project) && strings.EqualFold(parts[1], strings.ReplaceAll(version, "-", "_"))
		}
	}
	return false
}

// keep brings a file into the store and opens it.
func (c *Client) keep(ctx context.Context, f File, s *store.Store) (*store.Blob, error) {
	if b, err := s.Open(f.SHA256); err == nil {
		return b, nil
	}
	var last error
	for range c.opts.Retries + 1 {
		body, _, err := c.Get(ctx, f.URL, 0)
		if err != nil {
			return nil, err
		}
		_, err = s.PutExpected(body, maxWheel, f.SHA256)
		_ = body.Close() // the content's hash has said all there is to say
		if err == nil {
			return s.Open(f.SHA256)
		}
		last = err
		if !Temporary(err) || ctx.Err() != nil {
			break
		}
	}
	kind := fault.KindOf(last)
	if Temporary(last) {
		kind = fault.Network
	}
	return nil, fault.Wrap(kind, last, "fetching %s", f.Name)
}
