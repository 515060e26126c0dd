package image_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

// walk reads a whole image and returns "layer path type size" lines.
func walk(t testing.TB, dir string) ([]string, error) {
	t.Helper()
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, p := range img.Platforms() {
		err := p.Walk(context.Background(), func(l image.Layer, e image.Entry, r io.Reader) error {
			b, err := io.ReadAll(r)
			lines = append(lines, fmt.Sprintf("%d %s %s %o %d %s", l.Index, e.Path, e.Type, e.Mode, len(b), e.Link))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return lines, nil
}

func TestWalkReadsEveryCompressionAndType(t *testing.T) {
	entries := []imagetest.Entry{
		{Name: "./", Kind: tar.TypeDir},
		imagetest.Dir("usr"), imagetest.Exec("usr/x", "hello"),
		imagetest.Link("bin", "usr/bin"), imagetest.Link("usr/abs", "/etc/passwd"), imagetest.Link("usr/up", "../bin"),
		{Name: "usr/y", Kind: tar.TypeLink, Link: "usr/x"},
		imagetest.File("etc/.wh.gone", ""), imagetest.File("var/.wh..wh..opq", ""),
		{Name: "usr/suid", Body: "s", Mode: 0o4755},
		{Name: "dev/null", Kind: tar.TypeChar, Mode: 0o666}, {Name: "dev/sda", Kind: tar.TypeBlock, Mode: 0o660}, {Name: "dev/p", Kind: tar.TypeFifo},
	}
	var layers []imagetest.Layer
	for _, c := range []string{"none", "gzip", "zstd"} {
		layers = append(layers, imagetest.Layer{Compression: c, Entries: entries, Trailer: make([]byte, 10240)})
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: layers})
	got, err := walk(t, dir)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for n := range layers {
		for _, line := range []string{
			". dir 755 0 ", "usr dir 755 0 ", "usr/x file 755 5 ", "bin symlink 777 0 usr/bin", "usr/abs symlink 777 0 /etc/passwd",
			"usr/up symlink 777 0 ../bin", "usr/y hardlink 644 0 usr/x", "etc/gone whiteout 644 0 ", "var opaque 644 0 ", "usr/suid file 4755 1 ",
			"dev/null character device 666 0 ", "dev/sda block device 660 0 ", "dev/p pipe 644 0 ",
		} {
			want = append(want, fmt.Sprintf("%d %s", n, line))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

func TestWalkRefusesHostileLayers(t *testing.T) {
	ok := []imagetest.Entry{imagetest.File("a", "1")}
	entries := func(e ...imagetest.Entry) imagetest.Layer { return imagetest.Layer{Entries: e} }
	const other = "sha256:" + "0000000000000000000000000000000000000000000000000000000000000000"
	for name, layer := range map[string]imagetest.Layer{
		"parent path":          entries(imagetest.File("a/../../b", "")),
		"leading parent":       entries(imagetest.File("../b", "")),
		"absolute path":        entries(imagetest.File("/etc/passwd", "")),
		"unclean path":         entries(imagetest.File("a//b", "")),
		"dot in path":          entries(imagetest.File("a/./b", "")),
		"control character":    entries(imagetest.File("a\x1bb", "")),
		"invalid UTF-8":        entries(imagetest.File("a\xffb", "")),
		"long name":            entries(imagetest.File(strings.Repeat("n", 256), "")),
		"long path":            entries(imagetest.File(strings.Repeat("n/", 2100)+"n", "")),
		"link climbs out":      entries(imagetest.Link("a/b", "../../x")),
		"absolute link out":    entries(imagetest.Link("a", "/../x")),
		"empty link":           entries(imagetest.Link("a", "")),
		"hardlink out":         entries(imagetest.Entry{Name: "a", Kind: tar.TypeLink, Link: "../x"}),
		"contiguous file":      entries(imagetest.Entry{Name: "a", Kind: tar.TypeCont}),
		"below a device":       entries(imagetest.Entry{Name: "a", Kind: tar.TypeChar}, imagetest.File("a/b", "")),
		"device twice":         entries(imagetest.Entry{Name: "a", Kind: tar.TypeBlock}, imagetest.Entry{Name: "a", Kind: tar.TypeFifo}),
		"duplicate file":       entries(ok[0], ok[0]),
		"file replaces dir":    entries(imagetest.Dir("a"), imagetest.File("a", "")),
		"write through link":   entries(imagetest.Link("a", "etc"), imagetest.File("a/passwd", "x")),
		"link after content":   entries(imagetest.File("a/passwd", "x"), imagetest.Link("a", "etc")),
		"below a file":         entries(imagetest.File("a", ""), imagetest.File("a/b/c", "")),
		"whiteout of nothing":  entries(imagetest.File("a/.wh.", "")),
		"data after archive":   {Entries: ok, Trailer: []byte("extra")},
		"endless padding":      {Entries: ok, Trailer: make([]byte, image.MaxPadding+1)},
		"data after gzip":      {Entries: ok, After: []byte("extra")},
		"data after zstd":      {Entries: ok, After: []byte("extra"), Compression: "zstd"},
		"cut tar":              {Tar: imagetest.Tar(t, []imagetest.Entry{imagetest.File("a", strings.Repeat("x", 4096))})[:2000]},
		"not a tar":            {Tar: bytes.Repeat([]byte("no tar here "), 100)},
		"wrong digest":         {Entries: ok, Digest: other},
		"wrong diff ID":        {Entries: ok, DiffID: other},
		"size too small":       {Entries: ok, SizeOff: -1},
		"size too large":       {Entries: ok, SizeOff: 1},
		"not that compression": {Entries: ok, MediaType: image.MediaTypeTarZstd},
		"compressed as plain":  {Entries: ok, MediaType: image.MediaTypeTar},
		"foreign layer":        {Entries: ok, MediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"},
		"unknown media type":   {Entries: ok, MediaType: "application/octet-stream"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{layer}})
			if _, err := walk(t, dir); !fault.Is(err, fault.Integrity) {
				t.Errorf("got %v, want an integrity fault", err)
			}
		})
	}
}

func TestWalkRefusesABomb(t *testing.T) {
	zeros := make([]byte, image.RatioFloor+8<<20) // zstd folds zeros ten-thousand-fold
	entry := imagetest.File("zeros", string(zeros))
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{entry}, Compression: "zstd"}}})
	if _, err := walk(t, dir); !fault.Is(err, fault.Integrity) {
		t.Errorf("got %v, want an integrity fault", err)
	}
}

func TestWalkRefusesAMillionEntries(t *testing.T) {
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for n := range image.MaxEntries + 1 {
		if err := tw.WriteHeader(&tar.Header{Name: fmt.Sprint(n), Typeflag: tar.TypeReg, Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
	}
	tw.Close()
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Tar: buf.Bytes(), Compression: "zstd"}}})
	if _, err := walk(t, dir); !fault.Is(err, fault.Integrity) {
		t.Errorf("got %v, want an integrity fault", err)
	}
}

func TestWalkReturnsTheVisitorsError(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "1")}}}})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("enough")
	err = img.Platforms()[0].Walk(context.Background(), func(image.Layer, image.Entry, io.Reader) error { return mine })
	if err != mine {
		t.Errorf("got %v, want the visitor's own error", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err = img.Platforms()[0].Walk(ctx, func(image.Layer, image.Entry, io.Reader) error { return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func FuzzWalkLayer(f *testing.F) {
	f.Add(imagetest.Tar(f, []imagetest.Entry{imagetest.Dir("a"), imagetest.File("a/b", "x"), imagetest.Link("c", "a/b")}))
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, archive []byte) {
		dir := t.TempDir()
		imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Tar: archive, Compression: "none"}}})
		lines, err := walk(t, dir)
		if err != nil && !fault.Is(err, fault.Integrity) {
			t.Errorf("unexpected kind of %v", err)
		}
		for _, l := range lines {
			if strings.Contains(l, " /") && !strings.Contains(l, "symlink") || strings.Contains(l, " ../") && !strings.Contains(l, "symlink") {
				t.Errorf("accepted %q", l)
			}
		}
	})
}
