package imagediff

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// document is a JSON object. What it says of other documents is taken out of
// it: that they differ is told where they are compared.
type document map[string]any

func parse(raw []byte) (document, error) {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&d); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading a document of the image")
	}
	return d, nil
}

// sides are the same thing of both images.
type sides[T any] struct{ a, b T }

// compareDocuments compares two documents after strip, and where they are of
// equal value but in other bytes says so, if nothing that was taken out of
// them explains it.
func compareDocuments(what string, raw sides[[]byte], strip func(document)) ([]Change, error) {
	a, errA := parse(raw.a)
	b, errB := parse(raw.b)
	if err := errors.Join(errA, errB); err != nil {
		return nil, err
	}
	same := len(diffValues("", map[string]any(a), map[string]any(b))) == 0
	strip(a)
	strip(b)
	changes := diffValues("", map[string]any(a), map[string]any(b))
	for n := range changes {
		changes[n].What = what
	}
	if same && !bytes.Equal(raw.a, raw.b) {
		at := firstDifference(raw.a, raw.b)
		changes = append(changes, Change{Op: Changed, What: what, Field: "spelling", From: excerpt(raw.a, at), To: excerpt(raw.b, at)})
	}
	return changes, nil
}

func compareIndexes(a, b *image.Image) ([]Change, error) {
	if a.Descriptor().MediaType != b.Descriptor().MediaType {
		// An index and a single manifest, or of another format: a line of its
		// own, since every member would differ.
		return []Change{{Op: Changed, What: WhatIndex, Field: "mediaType", From: a.Descriptor().MediaType, To: b.Descriptor().MediaType}}, nil
	}
	if d, err := parse(a.Raw()); err != nil || d["manifests"] == nil {
		return nil, err // a manifest, which is compared as the platform's
	}
	return compareDocuments(WhatIndex, sides[[]byte]{a.Raw(), b.Raw()}, keyManifests)
}

// keyManifests gives the entries of an index names instead of numbers, and
// takes the digests of platforms out.
func keyManifests(d document) {
	list, _ := d["manifests"].([]any)
	named := map[string]any{}
	for n, entry := range list {
		m, _ := entry.(map[string]any)
		p, _ := m["platform"].(map[string]any)
		name := fmt.Sprintf("%v/%v", p["os"], p["architecture"])
		if v, ok := p["variant"]; ok {
			name += fmt.Sprintf("/%v", v)
		}
		if p == nil || p["os"] == "unknown" || named[name] != nil {
			named[fmt.Sprintf("#%d", n+1)] = entry
			continue
		}
		delete(m, "digest")
		delete(m, "size")
		named[name] = m
	}
	d["manifests"] = named
}

func compareManifests(ctx context.Context, a, b *image.Platform) ([]Change, error) {
	changes, err := compareDocuments(WhatManifest, sides[[]byte]{a.Raw(), b.Raw()}, func(d document) {
		delete(d, "layers")
		if config, ok := d["config"].(map[string]any); ok {
			delete(config, "digest")
			delete(config, "size")
		}
	})
	if err != nil {
		return nil, err
	}
	configA, err := a.ReadConfig(ctx)
	if err != nil {
		return nil, err
	}
	configB, err := b.ReadConfig(ctx)
	if err != nil {
		return nil, err
	}
	more, err := compareDocuments(WhatConfig, sides[[]byte]{configA, configB}, func(d document) { delete(d, "rootfs") })
	return append(changes, more...), err
}

// diffValues compares two JSON values member by member.
func diffValues(at string, a, b any) []Change {
	switch x := a.(type) {
	case map[string]any:
		if y, ok := b.(map[string]any); ok {
			return diffObjects(at, x, y)
		}
	case []any:
		if y, ok := b.([]any); ok {
			return diffLists(at, x, y)
		}
	}
	if from, to := text(a), text(b); from != to {
		return []Change{{Op: Changed, Name: at, From: from, To: to}}
	}
	return nil
}

func diffObjects(at string, a, b map[string]any) []Change {
	var changes []Change
	keys := maps.Clone(a)
	maps.Copy(keys, b)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		x, inA := a[key]
		y, inB := b[key]
		name := key
		if at != "" {
			name = at + "." + key
		}
		changes = append(changes, diffMembers(name, x, inA, y, inB)...)
	}
	return changes
}

func diffLists(at string, a, b []any) []Change {
	var changes []Change
	for n := range max(len(a), len(b)) {
		var x, y any
		if n < len(a) {
			x = a[n]
		}
		if n < len(b) {
			y = b[n]
		}
		changes = append(changes, diffMembers(fmt.Sprintf("%s[%d]", at, n), x, n < len(a), y, n < len(b))...)
	}
	return changes
}

func diffMembers(name string, x any, inA bool, y any, inB bool) []Change {
	switch {
	case !inA:
		return []Change{{Op: Added, Name: name, To: text(y)}}
	case !inB:
		return []Change{{Op: Removed, Name: name, From: text(x)}}
	default:
		return diffValues(name, x, y)
	}
}

// maxText bounds what is shown of one value, in bytes.
const maxText = 200

// text is a JSON value as a line.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > maxText {
		return fmt.Sprintf("%q...", b[:maxText])
	}
	return string(b)
}

func firstDifference(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

func excerpt(raw []byte, at int) string {
	return fmt.Sprintf("%q at byte %d", raw[min(at, len(raw)):min(at+20, len(raw))], at)
}
