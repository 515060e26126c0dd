package probe_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

const forged = "sha256:0000000000000000000000000000000000000000000000000000000000000000"

// TestHostileLayersAreErrors: what is wrong with the layers themselves is no
// finding and no pass, but the end of the check.
func TestHostileLayersAreErrors(t *testing.T) {
	one := func(e ...imagetest.Entry) imagetest.Layer { return imagetest.Layer{Entries: e} }
	for name, layer := range map[string]imagetest.Layer{
		"path that climbs":       one(imagetest.File("../x", "y")),
		"path that climbs later": one(imagetest.File("a/../../x", "y")),
		"absolute path":          one(imagetest.File("/etc/x", "y")),
		"link outside":           one(imagetest.Link("a", "../../etc/passwd")),
		"hard link outside":      one(imagetest.Entry{Name: "a", Kind: tar.TypeLink, Link: "../x"}),
		"file below a link":      one(imagetest.Link("a", "b"), imagetest.File("a/x", "y")),
		"unknown type":           one(imagetest.Entry{Name: "a", Kind: tar.TypeCont}),
		"device twice":           one(imagetest.Entry{Name: "dev/sda", Kind: tar.TypeBlock}, imagetest.File("dev/sda", "y")),
		"file below a device":    one(imagetest.Entry{Name: "dev", Kind: tar.TypeChar}, imagetest.File("dev/x", "y")),
		"device outside":         one(imagetest.Entry{Name: "../sda", Kind: tar.TypeBlock}),
		"twice":                  one(imagetest.File("a", "1"), imagetest.File("a", "2")),
		"twice, spelled anew":    one(imagetest.File("a", "1"), imagetest.File("./a", "2")),
		"giant name":             one(imagetest.File(strings.Repeat("n", 300), "y")),
		"giant path":             one(imagetest.File(strings.Repeat("n/", 3000)+"x", "y")),
		"control characters":     one(imagetest.File("a\nb", "y")),
		"whiteout of nothing":    one(imagetest.File(".wh.", "")),
		"wrong size":             {Entries: []imagetest.Entry{imagetest.File("a", "y")}, SizeOff: 1},
		"wrong diff ID":          {Entries: []imagetest.Entry{imagetest.File("a", "y")}, DiffID: forged},
		"wrong digest":           {Entries: []imagetest.Entry{imagetest.File("a", "y")}, Digest: forged},
		"foreign layer":          {MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
		"another compression":    {Entries: []imagetest.Entry{imagetest.File("a", "y")}, Compression: "zstd", MediaType: image.MediaTypeTarGzip},
		"no tar":                 {Tar: []byte("<html>")},
		"cut short":              {Tar: imagetest.Tar(t, []imagetest.Entry{imagetest.File("a", strings.Repeat("y", 2000))})[:1024]},
		"more behind the tar":    {Entries: []imagetest.Entry{imagetest.File("a", "y")}, Trailer: []byte("more")},
		"more behind the gzip":   {Entries: []imagetest.Entry{imagetest.File("a", "y")}, After: []byte("more")},
		"nothing":                {Entries: []imagetest.Entry{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{layer}})
			if s, _, err := scan(t, "oci:"+dir); !fault.Is(err, fault.Integrity) || s != nil {
				t.Errorf("it ended with %v", err)
			}
		})
	}
}

// TestTooManyEntriesAreAnError reads a layer of 300,000 entries, more than
// image.MaxEntries.
func TestTooManyEntriesAreAnError(t *testing.T) {
	var packed bytes.Buffer
	gz, err := gzip.NewWriterLevel(&packed, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(gz)
	for n := range image.MaxEntries + 50_000 {
		if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d", n), Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tw.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Tar: packed.Bytes(), Compression: "none", MediaType: image.MediaTypeTarGzip}}})
	if s, _, err := scan(t, "oci:"+dir); !fault.Is(err, fault.Integrity) || s != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestABombIsAnError reads a layer of 100 MiB of zeros in a few hundred bytes.
func TestABombIsAnError(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{
		Entries: []imagetest.Entry{imagetest.File("a", string(make([]byte, 100<<20)))}, Compression: "zstd",
	}}})
	if s, _, err := scan(t, "oci:"+dir); !fault.Is(err, fault.Integrity) || s != nil {
		t.Errorf("it ended with %v", err)
	}
}
