package facts

import (
	"io"

	"github.com/lockforge/lockforge/builder/image"
)

// Observer reads along while Collect reads layers, so that whoever has further
// questions about an image's bytes asks them in the same pass. It is called for
// each entry that is no whiteout; content gives the bytes of files, only until
// the call returns, and is nil for all others. Entries of one layer come in
// their order, those of different layers at the same time. What it saw is
// verified only when Collect returns nil; its error ends the pass.
type Observer func(e Entry, content io.ReaderAt) error

func (s *scanner) observe(e Entry) error {
	var content io.ReaderAt
	if e.Type == image.File {
		content = io.NewSectionReader(&s.spool, 0, s.spool.size)
	}
	for _, see := range s.observers {
		if err := see(e, content); err != nil {
			return err
		}
	}
	return nil
}
