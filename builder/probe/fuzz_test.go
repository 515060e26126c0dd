package probe_test

import (
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/probe"
)

// FuzzLayer reads any bytes as a layer: an error of its own kind, or an answer
// to every probe that a report accepts.
func FuzzLayer(f *testing.F) {
	pip := zipped(f, map[string]string{"pip/__main__.py": "x"})
	for _, entries := range [][]imagetest.Entry{
		{imagetest.File("a", "b")},
		{imagetest.Exec("usr/bin/x", elf("BusyBox v")[:2000]), imagetest.File("x", pip), imagetest.Link("y", "x")},
		{imagetest.File("site-packages/x-1.dist-info/RECORD", "x.py,sha256=,1\n"), imagetest.File("site-packages/x-1.dist-info/METADATA", "Name: x\nVersion: 1\n\n")},
		{imagetest.File("etc/passwd", "u:x:1:1:::\n"), imagetest.File("a/.wh..wh..opq", ""), imagetest.File("k", key)},
	} {
		f.Add(imagetest.Tar(f, entries))
	}
	f.Fuzz(func(t *testing.T, layer []byte) {
		dir := t.TempDir()
		imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Tar: append([]byte{}, layer...), Compression: "none"}}, Config: map[string]any{"User": "u"}})
		s, p, err := scan(t, "oci:"+dir)
		if err != nil {
			if !fault.Is(err, fault.Integrity) {
				t.Fatalf("an error of kind %v: %v", fault.KindOf(err), err)
			}
			return
		}
		accepted(t, s, func(r *probe.Registry, results []probe.Result) error {
			_, err := probe.NewReport(p, r, results)
			return err
		})
	})
}

func accepted(t *testing.T, s *probe.Scan, report func(*probe.Registry, []probe.Result) error) {
	registry, err := probe.NewRegistry(probe.StaticProbes())
	if err != nil {
		t.Fatal(err)
	}
	results := probe.Static(s)
	if err := report(registry, results); err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		for _, e := range r.Evidence {
			if len(e.Text) > probe.MaxEvidenceText || len(e.Path) > probe.MaxEvidenceText || strings.ContainsAny(e.Text+e.Path, "\n\x1b") {
				t.Fatalf("%s: evidence %q", r.ID, e)
			}
		}
	}
}

// FuzzContent looks into any bytes as the content of files of several names.
func FuzzContent(f *testing.F) {
	pip := zipped(f, map[string]string{"pip/__main__.py": "x"})
	for _, seed := range []string{pip, "x" + pip + "y", gzipped(f, pip, 0), nested(f, pip, 3), elf("uv")[:400], key, "BZh9", "\xfd7zXZ\x00", "\x28\xb5\x2f\xfd", string(imagetest.Tar(f, []imagetest.Entry{imagetest.File("x", pip)}))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		body := string(content)
		imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{{Compression: "none", Entries: []imagetest.Entry{
			imagetest.Exec("usr/bin/x", body), imagetest.File("etc/passwd", body), imagetest.File("etc/x.pyc", body),
			imagetest.File("site-packages/x-1.dist-info/RECORD", body), imagetest.File("site-packages/x-1.dist-info/METADATA", body),
		}}}, Config: map[string]any{"User": "u"}})
		s, p, err := scan(t, "oci:"+dir)
		if err != nil {
			t.Fatal(err) // the layer itself is well-formed
		}
		accepted(t, s, func(r *probe.Registry, results []probe.Result) error {
			_, err := probe.NewReport(p, r, results)
			return err
		})
	})
}
