package facts

import (
	"sync/atomic"

	"github.com/lockforge/lockforge/builder/fault"
)

// Limits on all layers of an image together, since every entry and text is
// held in memory: the image of fifty connector venvs has 100,000 entries and
// 15 MiB of texts. They keep what one image takes below 512 MiB.
const (
	maxEntries = 500_000
	maxTexts   = 64 << 20
)

// budget counts what the scanners of all layers hold.
type budget struct{ entries, texts atomic.Int64 }

func (b *budget) entry(layer int) error {
	if b.entries.Add(1) > maxEntries {
		return fault.New(fault.Integrity, "reading layer %d: more than %d entries in all layers", layer+1, maxEntries)
	}
	return nil
}

func (b *budget) text(layer int, size int64) error {
	if b.texts.Add(size) > maxTexts {
		return fault.New(fault.Integrity, "reading layer %d: more than %d bytes of package metadata in all layers", layer+1, maxTexts)
	}
	return nil
}
