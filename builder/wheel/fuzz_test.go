package wheel_test

import (
	"archive/zip"
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/wheel"
)

// FuzzOpen feeds arbitrary bytes. Whatever is accepted must look the same to
// another reader: the standard library's must see the same files with the same
// content, and nothing more.
func FuzzOpen(f *testing.F) {
	f.Add(good().Bytes(f))
	for _, b := range hostile(f) {
		f.Add(b.Bytes(f))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		w, err := wheel.Open(bytes.NewReader(content), int64(len(content)), good().Filename())
		if err != nil || w.Verify() != nil {
			return
		}
		other, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatalf("accepted, but archive/zip says: %v", err)
		}
		files := 0
		for _, file := range other.File {
			if strings.HasSuffix(file.Name, "/") {
				continue
			}
			files++
			compare(t, w, file)
		}
		if files != len(w.Members()) {
			t.Errorf("archive/zip sees %d files, we see %d", files, len(w.Members()))
		}
	})
}

func compare(t *testing.T, w *wheel.Wheel, file *zip.File) {
	t.Helper()
	m := w.Member(file.Name)
	if m == nil {
		t.Fatalf("archive/zip sees %q, we do not", file.Name)
	}
	r, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	want, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := w.Copy(&got, m); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%q differs", file.Name)
	}
}
