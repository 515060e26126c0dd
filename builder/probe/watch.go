package probe

import (
	"io"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
)

// Watch asks the static probes' questions in a pass over an image's bytes that
// somebody else makes: hand Observe to facts.Collect, and what it returned to
// Scan. One Watch is for one pass over one platform.
type Watch struct {
	platform *image.Platform
	in       *inspector
}

// NewWatch prepares to read along.
func NewWatch(p *image.Platform) *Watch { return &Watch{p, newInspector(len(p.Layers()))} }

// Observe is a facts.Observer.
func (w *Watch) Observe(e facts.Entry, content io.ReaderAt) error { return w.in.observe(e, content) }

// Scan sums up a pass that ended without an error; f is what it found.
func (w *Watch) Scan(f *facts.Facts) *Scan {
	s := &Scan{facts: f, visible: f.Visible(), manifest: string(w.platform.Raw())}
	for n := range w.in.layers {
		s.contents = append(s.contents, w.in.layers[n].hits...)
	}
	s.user = findUser(f.Config.User, w.in.layers, s.visible)
	return s
}
