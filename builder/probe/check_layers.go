package probe

import (
	"github.com/lockforge/lockforge/builder/image"
)

var layerChecks = []check{
	{static("E04-whiteout", High, "No layer removes what a lower layer has", "leave the files out where they come in; removing them in a later layer only hides them"),
		whiteouts},
	{static("E04-hidden", High, "No layer holds bytes that another layer hides", "write each file once, in its final form, in one layer"),
		hidden},
}

func whiteouts(s *Scan, f *findings) {
	for _, w := range s.facts.Whiteouts {
		what := "hides the path in lower layers"
		if w.Opaque {
			what = "hides all below the directory in lower layers"
		}
		f.add(w.Layer, w.Path, what)
	}
}

// hidden reports files of lower layers that a container does not see, and
// from which anybody who has the image can read them all the same.
func hidden(s *Scan, f *findings) {
	for n := range s.facts.Entries {
		e := &s.facts.Entries[n]
		if e.Type == image.Dir || e.Type == image.Symlink {
			continue
		}
		if at := s.visible.Get(e.Path); at == nil || at.Layer != e.Layer {
			f.add(e.Layer, e.Path, "hidden by a higher layer, and still in the image")
		}
	}
}
