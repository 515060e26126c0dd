package wheel_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/wheel"
)

// BenchmarkVerify reads the content of all wheels in $LOCKFORGE_WHEELS.
func BenchmarkVerify(b *testing.B) {
	files, err := filepath.Glob(filepath.Join(os.Getenv("LOCKFORGE_WHEELS"), "*.whl"))
	if err != nil || len(files) == 0 {
		b.Skip("LOCKFORGE_WHEELS names no folder of wheels")
	}
	for b.Loop() {
		var total int64
		for _, file := range files {
			total += verifyFile(b, file)
		}
		b.SetBytes(total)
	}
}

func verifyFile(b *testing.B, file string) (total int64) {
	b.Helper()
	f, err := os.Open(file)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		b.Fatal(err)
	}
	w, err := wheel.Open(f, info.Size(), filepath.Base(file))
	if err != nil {
		b.Fatal(err)
	}
	if err := w.Verify(); err != nil {
		b.Fatal(err)
	}
	for _, m := range w.Members() {
		total += m.Size
	}
	return total
}
