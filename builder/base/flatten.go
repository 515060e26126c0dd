package base

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

// Flatten puts a filtered copy of a base into the store: one layer of what a
// container of the base sees, without the files that a locked image must not
// have, without bytecode, all of it root's, with plain modes and no hard links.
// The same base and allowed programs give the same bytes.
func Flatten(ctx context.Context, p *image.Platform, allow []manifest.Allow, s *store.Store) (*Image, error) {
	f, err := facts.Collect(ctx, p)
	if err != nil {
		return nil, err
	}
	c := newCopy(newView(f), f, allow)
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(c.write(ctx, p, w)) }()
	sha, size, err := s.Put(r, image.MaxLayerSize)
	_ = r.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // ends write where Put ended early
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "flattening base image %s", p.Digest())
	}
	return single(p.Name(), sha, size, s)
}

// copying is what a flattened layer holds and where its bytes are.
type copying struct {
	plain []*facts.Entry // directories, then links, each sorted by path
	// files lists what is made of a file: by layer and path, the entries with
	// its content. There are several where the base has hard links.
	files map[int]map[string][]*facts.Entry
}

func newCopy(v *view, f *facts.Facts, allow []manifest.Allow) *copying {
	dropped := drops(f, allow)
	c := &copying{files: map[int]map[string][]*facts.Entry{}}
	var links []*facts.Entry
	for _, p := range slices.Sorted(maps.Keys(v.entries)) {
		e := v.entries[p]
		if dropped.has(p) {
			continue
		}
		switch e.Type {
		case image.Dir:
			c.plain = append(c.plain, e)
		case image.Symlink:
			links = append(links, e)
		default:
			if source := content(f, e); source != nil {
				if c.files[source.Layer] == nil {
					c.files[source.Layer] = map[string][]*facts.Entry{}
				}
				c.files[source.Layer][source.Path] = append(c.files[source.Layer][source.Path], e)
			}
		}
	}
	c.plain = append(c.plain, links...)
	return c
}

// content returns the entry that holds the bytes of a file: a hard link's are
// those of what its layer, or one below, has under the other name.
func content(f *facts.Facts, e *facts.Entry) *facts.Entry {
	for range maxLinks {
		if e == nil || e.Type == image.File {
			return e
		}
		link, layer := e.Link, e.Layer
		e = nil
		at, _ := slices.BinarySearchFunc(f.Entries, link, func(e facts.Entry, p string) int { return strings.Compare(e.Path, p) })
		for ; at < len(f.Entries) && f.Entries[at].Path == link && f.Entries[at].Layer <= layer; at++ {
			e = &f.Entries[at]
		}
		if e != nil && e.Type != image.File && e.Type != image.Hardlink {
			return nil
		}
	}
	return nil
}

// paths are paths and, where they are directories, all below them.
type paths map[string]bool

func (d paths) has(p string) bool {
	for ; p != "."; p = path.Dir(p) {
		if d[p] {
			return true
		}
	}
	return false
}

// drops lists what a flattened base goes without.
func drops(f *facts.Facts, allow []manifest.Allow) paths {
	d := paths{}
	for _, t := range f.Tools {
		if len(Without([]Forbidden{{Program: t.Name}}, allow)) == 0 {
			continue
		}
		if t.By == "module" {
			d[path.Dir(t.Path)] = true
		}
		d[t.Path] = true
	}
	for _, s := range f.Startup {
		d[s.Path] = true
	}
	for i := range f.Entries {
		if p := f.Entries[i].Path; strings.HasSuffix(p, ".pyc") || path.Base(p) == "__pycache__" {
			d[p] = true
		}
	}
	return d
}

// write writes the layer: what needs no content first, so that every
// directory stands before what is in it.
func (c *copying) write(ctx context.Context, p *image.Platform, to io.Writer) error {
	w := tar.NewWriter(to)
	for _, e := range c.plain {
		if err := w.WriteHeader(header(e, 0)); err != nil {
			return err
		}
	}
	for _, l := range p.Layers() {
		wanted := c.files[l.Index]
		if len(wanted) == 0 {
			continue
		}
		err := p.WalkLayer(ctx, l, func(_ image.Layer, e image.Entry, r io.Reader) error {
			if e.Type != image.File {
				return nil
			}
			return writeFiles(w, wanted[e.Path], e.Size, r)
		})
		if err != nil {
			return err
		}
	}
	return w.Close()
}

// writeFiles writes one content under all its names.
func writeFiles(w *tar.Writer, names []*facts.Entry, size int64, r io.Reader) (err error) {
	if len(names) > 1 {
		spool, err := os.CreateTemp("", "lockforge-base-")
		if err != nil {
			return fault.Wrap(fault.Internal, err, "copying /%s", names[0].Path)
		}
		defer func() { err = errors.Join(err, spool.Close(), os.Remove(spool.Name())) }()
		if _, err := io.Copy(spool, r); err != nil {
			return err
		}
		r = spool
	}
	for _, e := range names {
		if seeker, ok := r.(io.Seeker); ok {
			if _, err := seeker.Seek(0, io.SeekStart); err != nil {
				return err
			}
		}
		if err := w.WriteHeader(header(e, size)); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
	return nil
}

// header describes an entry of the copy: root's, with a plain mode.
func header(e *facts.Entry, size int64) *tar.Header {
	h := &tar.Header{Name: e.Path, ModTime: time.Unix(e.MTime, 0).UTC(), Typeflag: tar.TypeReg, Size: size, Mode: 0o644}
	switch {
	case e.Type == image.Dir:
		h.Typeflag, h.Name, h.Mode = tar.TypeDir, e.Path+"/", 0o755
		if e.Path == scratch {
			h.Mode = 0o1777
		}
	case e.Type == image.Symlink:
		h.Typeflag, h.Linkname, h.Mode = tar.TypeSymlink, e.Link, 0o777
	case e.Mode&0o111 != 0:
		h.Mode = 0o755
	}
	return h
}
