package imagediff

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lockforge/lockforge/builder/image"
)

// side is a layer in its image.
type side struct {
	platform *image.Platform
	layer    image.Layer
}

// attribute is one thing that a tar archive says of an entry.
type attribute struct{ name, value string }

// header is all that it says, the type first.
type header []attribute

// listing is what a layer holds. Its size is bounded by image.MaxEntries and
// image.MaxNameBytes.
type listing struct {
	paths []string // in the layer's order
	of    map[string]header
}

// compareLayer compares two layers of different digests. That they differ is
// its first line, why are those that follow.
func compareLayer(ctx context.Context, a, b side) ([]Change, error) {
	like := Change{Op: Changed, What: WhatLayer, Layer: label(a.layer)}
	first := like
	first.Field, first.From, first.To = "digest", describe(a.layer), describe(b.layer)
	changes := []Change{first}
	if a.layer.DiffID == b.layer.DiffID {
		like.Field, like.From, like.To = "compression", fmt.Sprintf("%d bytes", a.layer.Size), fmt.Sprintf("%d bytes of the same archive", b.layer.Size)
		return append(changes, like), nil
	}
	var x, y *listing
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { x, err = list(ctx, a); return err })
	group.Go(func() (err error) { y, err = list(ctx, b); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	entries := compareListings(x, y)
	for n := range entries {
		entries[n].What, entries[n].Layer = WhatEntry, label(a.layer)
	}
	changes = append(changes, entries...)
	switch at := firstUnequal(x.paths, y.paths); {
	case len(entries) == 0 && at < 0:
		like.Field, like.From, like.To = "archive", a.layer.DiffID, b.layer.DiffID+" with the same entries"
		changes = append(changes, like)
	case at >= 0 && samePaths(x, y):
		like.Field, like.From, like.To = "order", x.paths[at], y.paths[at]
		changes = append(changes, like)
	}
	return changes, nil
}

func list(ctx context.Context, s side) (*listing, error) {
	l := &listing{of: map[string]header{}}
	err := s.platform.WalkHeaders(ctx, s.layer, func(h *tar.Header, e image.Entry, r io.Reader) error {
		of := attributes(h, e)
		if e.Type == image.File {
			sum := sha256.New()
			if _, err := io.Copy(sum, r); err != nil {
				return err
			}
			of = append(of, attribute{"content", "sha256:" + hex.EncodeToString(sum.Sum(nil))})
		}
		key := e.Path
		switch e.Type {
		case image.Whiteout:
			key = path.Join(path.Dir(key), ".wh."+path.Base(key))
		case image.Opaque:
			key = path.Join(key, ".wh..wh..opq")
		}
		l.paths = append(l.paths, key)
		l.of[key] = of
		return nil
	})
	return l, err
}

// attributes lists what the header says, apart from the path.
func attributes(h *tar.Header, e image.Entry) header {
	all := header{
		{"type", string(e.Type)},
		{"mode", fmt.Sprintf("%#o", h.Mode)},
		{"uid", strconv.Itoa(h.Uid)}, {"gid", strconv.Itoa(h.Gid)},
		{"uname", h.Uname}, {"gname", h.Gname},
		{"mtime", h.ModTime.UTC().Format(time.RFC3339Nano)},
		{"size", strconv.FormatInt(h.Size, 10)},
		{"link", h.Linkname},
		{"name", h.Name},
		{"format", h.Format.String()},
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		all = append(all, attribute{"pax " + key, fmt.Sprintf("%.*q", maxText, h.PAXRecords[key])})
	}
	return all
}

// compareListings lists what differs, in the order of the paths. Of a
// directory that one of the layers lacks, what is in it is counted only.
func compareListings(a, b *listing) []Change {
	var changes []Change
	all := maps.Clone(a.of)
	maps.Copy(all, b.of)
	whole := -1 // the change about the directory that what follows is in
	// Sorted as if "/" came before all else, a directory's entries follow it.
	paths := slices.SortedFunc(maps.Keys(all), func(x, y string) int {
		return slices.Compare(strings.Split(x, "/"), strings.Split(y, "/"))
	})
	for _, p := range paths {
		x, inA := a.of[p]
		y, inB := b.of[p]
		if inA && inB {
			changes = append(changes, compareAttributes(p, x, y)...)
			continue
		}
		c := Change{Op: Removed, Name: p, From: x.summary()}
		if inB {
			c = Change{Op: Added, Name: p, To: y.summary()}
		}
		if whole >= 0 && changes[whole].Op == c.Op && strings.HasPrefix(p, changes[whole].Name+"/") {
			changes[whole].Entries++
			continue
		}
		whole = len(changes)
		changes = append(changes, c)
	}
	return changes
}

func compareAttributes(path string, a, b header) []Change {
	if a[0] != b[0] {
		return []Change{{Op: Changed, Name: path, Field: a[0].name, From: a.summary(), To: b.summary()}}
	}
	values := map[string]string{}
	for _, x := range b {
		values[x.name] = x.value
	}
	var changes []Change
	differ := func(name, from, to string) {
		if from != to {
			changes = append(changes, Change{Op: Changed, Name: path, Field: name, From: shown(from), To: shown(to)})
		}
	}
	for _, x := range a {
		differ(x.name, x.value, values[x.name])
		delete(values, x.name)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		differ(name, "", values[name])
	}
	return changes
}

// shown makes an empty value of a field visible.
func shown(value string) string {
	if value == "" {
		return `""`
	}
	return value
}

// summary is an entry as a word or two.
func (h header) summary() string {
	values := map[string]string{}
	for _, x := range h {
		values[x.name] = x.value
	}
	switch image.Type(values["type"]) {
	case image.File:
		return fmt.Sprintf("file of %s bytes, %s", values["size"], values["content"])
	case image.Symlink, image.Hardlink:
		return values["type"] + " to " + values["link"]
	default:
		return values["type"]
	}
}

// firstUnequal is the first index at which two lists differ, or -1.
func firstUnequal(a, b []string) int {
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return n
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}

func samePaths(a, b *listing) bool {
	return len(a.paths) == len(b.paths) && maps.EqualFunc(a.of, b.of, func(header, header) bool { return true })
}
