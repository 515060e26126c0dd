package fetch

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/progress"
)

// BenchmarkAll fetches 100 files of 1 MiB from a mirror on this machine into
// an empty store, and then asks for them again with a fresh look at each.
func BenchmarkAll(b *testing.B) {
	m := newMirror(b)
	var files []lock.File
	var total int64
	for i := range 100 {
		content := bytes.Repeat(fmt.Appendf(nil, "%04d", i), 1<<18)
		f := locked(fmt.Sprintf("p%d", i), content)
		m.offer(f, content)
		files = append(files, f)
		total += f.Size
	}
	root := b.TempDir()
	for name, dir := range map[string]func() string{"cold": b.TempDir, "warm": func() string { return root }} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(total)
			for b.Loop() {
				if err := All(b.Context(), files, openStore(b, dir()), sources(b, m), progress.None()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
