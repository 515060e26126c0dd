package image_test

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

func TestABlobDirectoryNeedsNoIndex(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := img.Platforms()[0]
	if err := os.Remove(filepath.Join(dir, "index.json")); err != nil {
		t.Fatal(err)
	}
	got, err := image.OpenManifest(context.Background(), dir, want.Digest())
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Blobs()) != 3 || got.Name() != "linux/amd64" {
		t.Fatalf("%s has blobs %v", got.Name(), got.Blobs())
	}
	for _, d := range got.Blobs() {
		r, err := got.OpenBlob(context.Background(), d)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(r); err != nil || int64(len(b)) != d.Size {
			t.Errorf("blob %s: %d bytes, %v", d.Digest, len(b), err)
		}
	}
}

func TestADamagedBlobDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	digest := img.Platforms()[0].Digest()
	blob := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(digest, "sha256:"))
	if err := os.WriteFile(blob, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{digest, "sha256:" + strings.Repeat("0", 64)} {
		if _, err := image.OpenManifest(context.Background(), dir, d); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s: %v", d, err)
		}
	}
	if _, err := image.OpenManifest(context.Background(), dir, "../x"); !fault.Is(err, fault.Usage) {
		t.Errorf("%v", err)
	}
}
