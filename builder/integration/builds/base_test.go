package builds_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// systemLayers are the lowest layers of an image that lockforge assembled: the
// OS, the interpreter and its bytecode.
const systemLayers = 3

// makeBase writes a base image into a layout: the system of a built image, and
// on it the given entries.
func makeBase(t *testing.T, from, to string, extra ...imagetest.Entry) (digest string) {
	t.Helper()
	img, err := image.Open(t.Context(), "oci:"+from, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var base imagetest.Image
	for _, layer := range img.Platforms()[0].Layers()[:systemLayers] {
		base.Layers = append(base.Layers, imagetest.Layer{Tar: plain(t, from, layer), Compression: "none"})
	}
	if len(extra) > 0 {
		base.Layers = append(base.Layers, imagetest.Layer{Entries: extra})
	}
	return imagetest.Layout(t, to, base)
}

// plain reads the archive of a zstd layer.
func plain(t *testing.T, layout string, l image.Layer) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(layout, "blobs/sha256", strings.TrimPrefix(l.Digest, "sha256:")))
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer decoder.Close()
	archive, err := decoder.DecodeAll(content, nil)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

func TestBaseLayout(t *testing.T) {
	from := filepath.Join(reference(t).dir, "image")
	var digest string
	base := func(dir string) { digest = makeBase(t, from, filepath.Join(dir, "base")) }
	base(t.TempDir())
	w := locked(t, small+"base: {layout: base@"+digest+"}\n", base)
	if err := os.RemoveAll(filepath.Join(w.dir, "base")); err != nil {
		t.Fatal(err)
	}
	w.build(t, "m.yaml") // of what was fetched
}

// TestADirtyBaseImage begins with what usual images have, from a registry: it
// is refused as it is, and a filtered copy of it is accepted by the same rules.
func TestADirtyBaseImage(t *testing.T) {
	layout := t.TempDir()
	digest := makeBase(t, filepath.Join(reference(t).dir, "image"), layout,
		imagetest.Exec("usr/bin/dash", "#!\n"), imagetest.Link("usr/bin/sh", "dash"), imagetest.Exec("usr/bin/curl", "#!\n"),
		imagetest.Entry{Name: "usr/bin/chage", Body: "x", Mode: 0o4755})
	img, err := image.Open(t.Context(), "oci:"+layout, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	repository := testenv.Registry(t) + "/base"
	if _, err := image.Push(t.Context(), img, repository+":1", image.Options{}); err != nil {
		t.Fatal(err)
	}
	base := "base: {image: " + repository + "@" + digest
	asItIs := locked(t, small+base+"}\n")
	code, _, stderr := asItIs.run(t, "build", "m.yaml", "-o", "oci:image")
	if code != 30 || !strings.Contains(stderr, "base.flatten") || !strings.Contains(stderr, "/usr/bin/dash") {
		t.Errorf("exit code %d, want 30 with the files and the offer\n%s", code, tail(stderr))
	}
	flat := locked(t, small+base+", flatten: true}\n")
	flat.build(t, "m.yaml")
}
