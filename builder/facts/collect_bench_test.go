package facts_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/internal/testenv"
)

// BenchmarkCollect reads an image with the content of all wheels of the folder
// $LOCKFORGE_WHEELS, in 32 layers, with a stand-in for each bytecode file.
func BenchmarkCollect(b *testing.B) {
	folder := os.Getenv("LOCKFORGE_WHEELS")
	if folder == "" {
		testenv.Missing(b, "LOCKFORGE_WHEELS names no folder of wheels")
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.whl"))
	if err != nil || len(files) == 0 {
		b.Fatalf("no wheels in %s: %v", folder, err)
	}
	layers := make([]imagetest.Layer, 32)
	for n, file := range files {
		l := &layers[n%len(layers)]
		l.Compression = "zstd"
		l.Entries = append(l.Entries, storeEntries(b, file)...)
	}
	dir := b.TempDir()
	imagetest.Layout(b, dir, imagetest.Image{Layers: layers})
	layers = nil
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.ReadMemStats(&before)
		f, err := facts.Collect(context.Background(), img.Platforms()[0])
		if err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(len(f.Entries)), "entries")
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB-kept")
		b.ReportMetric(float64(len(f.Problems)), "problems")
		b.ReportMetric(float64(len(f.ELF)), "elf")
		for _, p := range f.Problems {
			b.Logf("problem: %+v", p)
		}
		for _, p := range f.Tools {
			b.Logf("tool: %+v", p)
		}
		runtime.KeepAlive(f)
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		b.ReportMetric(float64(usage.Maxrss)/1e3, "MB-rss")
	}
}

func storeEntries(b *testing.B, file string) []imagetest.Entry {
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	w, err := wheel.Open(bytes.NewReader(data), int64(len(data)), filepath.Base(file))
	if err != nil {
		b.Fatal(err)
	}
	site, err := venv.Site(w, "3.13")
	if err != nil {
		b.Log(err)
		return nil
	}
	root := "opt/datahub/store/" + w.Name + "-" + w.Version + "-0123456789ab/"
	var entries []imagetest.Entry
	for _, f := range site.Files {
		content := f.Content
		if f.Member != nil {
			if content, err = w.Read(f.Member, 1<<30); err != nil {
				b.Fatal(err)
			}
		}
		entries = append(entries, imagetest.Entry{Name: root + f.Path, Body: string(content), Mode: int64(f.Mode)})
		if venv.IsSource(f.Path) {
			entries = append(entries, imagetest.File(root+site.Python.Bytecode(f.Path), "\xf3\r\r\n\x01\x00\x00\x00"+string(content)+"12345678"))
		}
	}
	return entries
}
