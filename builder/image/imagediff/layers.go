package imagediff

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
)

// pair is a layer of both images, or of one: the index of the other is -1.
type pair struct{ a, b int }

// compareLayers compares the layers that belong together.
func compareLayers(ctx context.Context, a, b *image.Platform) ([]Change, error) {
	before, after := a.Layers(), b.Layers()
	saysA, errA := descriptors(a)
	saysB, errB := descriptors(b)
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	var changes []Change
	last := -1 // the highest index of b so far
	for _, p := range pairs(before, after) {
		switch {
		case p.a < 0:
			changes = append(changes, Change{Op: Added, What: WhatLayer, Layer: label(after[p.b]), To: describe(after[p.b])})
			continue
		case p.b < 0:
			changes = append(changes, Change{Op: Removed, What: WhatLayer, Layer: label(before[p.a]), From: describe(before[p.a])})
			continue
		}
		x, y := before[p.a], after[p.b]
		if p.b < last {
			changes = append(changes, Change{Op: Changed, What: WhatLayer, Layer: label(x), Field: "order", From: place(x), To: place(y)})
		}
		last = max(last, p.b)
		for _, c := range diffValues("", saysA[p.a], saysB[p.b]) {
			c.What, c.Layer, c.Field, c.Name = WhatLayer, label(x), c.Name, ""
			changes = append(changes, c)
		}
		if x.Digest == y.Digest {
			if x.DiffID != y.DiffID { // one of the images lies
				changes = append(changes, Change{Op: Changed, What: WhatLayer, Layer: label(x), Field: "diffID", From: x.DiffID, To: y.DiffID})
			}
			continue
		}
		more, err := compareLayer(ctx, side{a, x}, side{b, y})
		if err != nil {
			return nil, err
		}
		changes = append(changes, more...)
	}
	return changes, nil
}

// descriptors returns what a manifest says of each layer, apart from digest and
// size.
func descriptors(p *image.Platform) ([]any, error) {
	d, err := parse(p.Raw())
	if err != nil {
		return nil, err
	}
	list, _ := d["layers"].([]any)
	for _, entry := range list {
		if m, ok := entry.(map[string]any); ok {
			delete(m, "digest")
			delete(m, "size")
		}
	}
	return list, nil
}

// pairs finds which layers belong together: those of one digest, then those
// that the same step made, then the rest in order. Added ones come last.
func pairs(a, b []image.Layer) []pair {
	of := make([]int, len(a))
	for n := range of {
		of[n] = -1
	}
	taken := make([]bool, len(b))
	for _, same := range []func(x, y image.Layer) bool{
		func(x, y image.Layer) bool { return x.Digest == y.Digest },
		func(x, y image.Layer) bool { return maker(x) != "" && maker(x) == maker(y) },
		// Who says what made a layer says by that which other it is not.
		func(x, y image.Layer) bool { return maker(x) == "" || maker(y) == "" },
	} {
		for n, x := range a {
			for m, y := range b {
				if of[n] < 0 && !taken[m] && same(x, y) {
					of[n], taken[m] = m, true
				}
			}
		}
	}
	found := make([]pair, 0, len(a))
	for n, m := range of {
		found = append(found, pair{n, m})
	}
	for m := range b {
		if !taken[m] {
			found = append(found, pair{-1, m})
		}
	}
	return found
}

// maker names the step that made a layer. Of an image of lockforge's this is
// the layer's name: what it holds follows, and may be what differs.
func maker(l image.Layer) string {
	if named, ok := strings.CutPrefix(l.CreatedBy, "lockforge: "); ok {
		name, _, _ := strings.Cut(named, ": ")
		return name
	}
	return l.CreatedBy
}

func label(l image.Layer) string {
	name := fmt.Sprint(l.Index + 1)
	if by := maker(l); by != "" {
		const most = 60
		if len(by) > most {
			by = by[:most] + "..."
		}
		name += " (" + strings.ToValidUTF8(by, "") + ")"
	}
	return name
}

func place(l image.Layer) string { return fmt.Sprintf("position %d", l.Index+1) }

func describe(l image.Layer) string { return fmt.Sprintf("%s of %d bytes", l.Digest, l.Size) }
