package remote

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

// counted is a blob that tells how often it was opened and is open.
type counted struct {
	*blob
	opened, open int
}

type closer struct {
	io.Reader
	count *counted
}

func (c closer) Close() error { c.count.open--; return nil }

func newCounted(content string) *counted {
	c := &counted{}
	c.blob = &blob{size: int64(len(content)), open: func() (io.ReadCloser, error) {
		c.opened++
		c.open++
		return closer{strings.NewReader(content), c}, nil
	}}
	return c
}

func TestBlobIsReadAtAnyOffset(t *testing.T) {
	c := newCounted("0123456789")
	for _, tc := range []struct {
		off, n int
		want   string
		opened int // until then
		open   int
	}{
		{0, 3, "012", 1, 1},
		{3, 2, "34", 1, 1},
		{7, 1, "7", 1, 1}, // what lies between is passed over
		{2, 2, "23", 2, 1},
		{4, 6, "456789", 2, 0}, // it is closed at its end
		{9, 1, "9", 3, 0},
	} {
		p := make([]byte, tc.n)
		if n, err := c.ReadAt(p, int64(tc.off)); err != nil || string(p[:n]) != tc.want || c.opened != tc.opened || c.blob.rc == nil != (tc.open == 0) || c.open != tc.open {
			t.Errorf("%d bytes at %d: got %q, %v, opened %d times, %d open", tc.n, tc.off, p[:n], err, c.opened, c.open)
		}
	}
	if n, err := c.ReadAt(make([]byte, 5), 8); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("beyond the end: %d, %v", n, err)
	}
	if err := c.Close(); err != nil || c.open != 0 {
		t.Errorf("closed: %v, %d open", err, c.open)
	}
}

// TestBlobsAreVerified reads all that BuildKit gets of an image, and then from
// a layout whose layer is another's, of the same length.
func TestBlobsAreVerified(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "x")}, Compression: "gzip"}}})
	img, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := img.Platforms()[0]
	r := root(t.Context(), p)
	if len(r.Blobs) != 3 || r.Blobs[r.Manifest[len("sha256:"):]] == 0 {
		t.Fatalf("got %+v, want manifest, configuration and layer", r)
	}
	layer := p.Layers()[0].Digest[len("sha256:"):]
	read := func(sha string) error {
		b, err := r.Open(sha)
		if err != nil {
			return err
		}
		defer b.Close()
		_, err = b.ReadAt(make([]byte, r.Blobs[sha]), 0)
		return err
	}
	for sha := range r.Blobs {
		if err := read(sha); err != nil {
			t.Errorf("%s: %v", sha, err)
		}
	}
	file := filepath.Join(dir, "blobs", "sha256", layer)
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, changed := range map[string][]byte{"other": bytes.Repeat([]byte{7}, len(content)), "longer": append(bytes.Clone(content), 7)} {
		if err := os.WriteFile(file, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := read(layer); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s bytes: %v", name, err)
		}
	}
	if _, err := r.Open("00"); err == nil {
		t.Error("a blob of no image is opened")
	}
}
