// Package imagediff says in what two images differ, down to the file and the
// header field: what a digest that is not the expected one hides.
package imagediff

import (
	"context"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
)

// What a Change is about.
const (
	WhatIndex    = "index"    // the index over the platforms, but not what it points to
	WhatPlatform = "platform" // one that only one of the images has
	WhatManifest = "manifest" // of a platform, but not the blobs that it points to
	WhatConfig   = "config"   // of a platform, but not its layers
	WhatLayer    = "layer"
	WhatEntry    = "entry" // of a layer
)

// What happened to it.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is one difference between two images. From is of the first image and
// empty for what was added, To of the second and empty for what was removed.
//
// Layer names the layer: its number in the image that has it, from 1, and what
// made it. Name is the platform, the member of a JSON document
// ("config.Env[3]") or the path of an entry. Field is what of it differs, of
// layers "digest", "order", "compression", "archive" or a member of their
// descriptor, of entries "type",
// "mode", "uid", "gid", "uname", "gname", "mtime", "size", "link", "content",
// "name", "format" or "pax KEY". Entries counts what an added or removed
// directory holds and is not listed on its own.
type Change struct {
	Op       string `json:"op"`
	What     string `json:"what"`
	Platform string `json:"platform,omitempty"`
	Layer    string `json:"layer,omitempty"`
	Name     string `json:"name,omitempty"`
	Field    string `json:"field,omitempty"`
	From     string `json:"from,omitempty"`
	To       string `json:"to,omitempty"`
	Entries  int    `json:"entries,omitempty"`
}

// String gives the change as one line for people.
func (c Change) String() string {
	words := []string{c.Op, c.What}
	if c.What == WhatLayer {
		words = append(words, c.Layer)
	}
	for _, word := range []string{c.Name, c.Field} {
		if word != "" {
			words = append(words, word)
		}
	}
	line := strings.Join(words, " ")
	switch {
	case c.From != "" && c.To != "":
		line += ": " + c.From + " -> " + c.To
	case c.From+c.To != "":
		line += ": " + c.From + c.To
	}
	if c.Entries > 0 {
		line += fmt.Sprintf(" with %d entries", c.Entries)
	}
	var in []string
	if c.What == WhatEntry {
		in = append(in, "layer "+c.Layer)
	}
	if c.Platform != "" {
		in = append(in, c.Platform)
	}
	if len(in) > 0 {
		line += " (" + strings.Join(in, ", ") + ")"
	}
	return line
}

// Compare lists what differs between a and b, outermost first: index,
// platforms, and of each platform manifest, config, layers, and entries in the
// order of their paths. Layers of one digest are not read. Images of equal
// digests have no differences; others have at least one.
//
// Errors are those of reading the images: fault.Integrity, fault.Network.
func Compare(ctx context.Context, a, b *image.Image) ([]Change, error) {
	if a.Digest() == b.Digest() {
		return nil, nil
	}
	changes, err := compareIndexes(a, b)
	if err != nil {
		return nil, err
	}
	theirs := map[string]*image.Platform{}
	for _, p := range b.Platforms() {
		theirs[p.Name()] = p
	}
	for _, p := range a.Platforms() {
		q := theirs[p.Name()]
		delete(theirs, p.Name())
		if q == nil {
			changes = append(changes, Change{Op: Removed, What: WhatPlatform, Name: p.Name(), From: p.Digest()})
			continue
		}
		more, err := comparePlatforms(ctx, p, q)
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	for _, q := range b.Platforms() {
		if theirs[q.Name()] != nil {
			changes = append(changes, Change{Op: Added, What: WhatPlatform, Name: q.Name(), To: q.Digest()})
		}
	}
	if len(changes) == 0 {
		// What differs is in parts that nothing above looks at.
		changes = append(changes, Change{Op: Changed, What: WhatIndex, Field: "digest", From: a.Digest(), To: b.Digest()})
	}
	return changes, nil
}

func comparePlatforms(ctx context.Context, a, b *image.Platform) ([]Change, error) {
	if a.Digest() == b.Digest() {
		return nil, nil
	}
	changes, err := compareManifests(ctx, a, b)
	if err != nil {
		return nil, err
	}
	layers, err := compareLayers(ctx, a, b)
	if err != nil {
		return nil, err
	}
	changes = append(changes, layers...)
	for n := range changes {
		changes[n].Platform = a.Name()
	}
	return changes, nil
}
