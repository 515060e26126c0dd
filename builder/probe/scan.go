package probe

import (
	"context"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

// Scan is what one pass over the bytes of an image found. It is not safe for
// concurrent use.
type Scan struct {
	facts    *facts.Facts
	visible  *facts.Visible
	contents []hit // of all layers, by layer and then in the layer's order
	user     user
	manifest string
	python   map[string]bool // see pythonDirs
}

// Read makes the pass: every layer once, those that higher layers hide
// included. Errors are those of facts.Collect: fault.Integrity for anything
// wrong with the image's bytes, fault.Network from a registry.
func Read(ctx context.Context, p *image.Platform) (*Scan, error) {
	w := NewWatch(p)
	f, err := facts.Collect(ctx, p, w.Observe)
	if err != nil {
		return nil, err
	}
	return w.Scan(f), nil
}

// layer is the digest of a layer, by its index.
func (s *Scan) layer(index int) string { return s.facts.Layers[index].Digest }

// env returns the value of a variable of the image, and whether it is set.
func (s *Scan) env(name string) (string, bool) {
	for n := len(s.facts.Config.Env) - 1; n >= 0; n-- {
		if v, ok := strings.CutPrefix(s.facts.Config.Env[n], name+"="); ok {
			return v, true
		}
	}
	return "", false
}

// findings gathers what makes a probe fail. It holds no more than a result
// shows and counts the rest; Check functions add in the order of paths.
type findings struct {
	scan   *Scan
	found  int
	kept   []Evidence
	reason string
}

// add notes evidence about a path of a layer.
func (f *findings) add(layer int, p, text string) {
	f.keep(Evidence{Layer: f.scan.layer(layer), Path: "/" + strings.TrimPrefix(p, "."), Text: text})
}

// config notes evidence about the image's configuration.
func (f *findings) config(text string) { f.keep(Evidence{Text: text}) }

func (f *findings) keep(e Evidence) {
	if slices.Contains(f.kept, e) {
		return
	}
	f.found++
	if len(f.kept) < MaxEvidence {
		f.kept = append(f.kept, e)
	}
}

// notRun says that the image has nothing that the probe could be tried on.
func (f *findings) notRun(reason string) { f.reason = reason }

// within reports whether p is dir or lies below it.
func within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

// parents lists the directories above p, nearest first, the root excluded.
func parents(p string) []string {
	var up []string
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		up = append(up, dir)
	}
	return up
}

// quote shows text from an image in evidence.
func quote(text string) string { return strconv.Quote(text) }

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
