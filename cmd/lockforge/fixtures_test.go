package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
)

// fixtures makes the files that only a network or a build could make.
type fixtures struct {
	mirror *mirror
	image  string // layout of a small image
	other  string // layout of one with another text in it
}

// makeLock MANIFEST LOCK writes a lock that fits the manifest: the CLI's wheel
// from the mirror, and no OS package.
func (f fixtures) makeLock(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mklock manifest lock")
	}
	m, err := manifest.Load(manifest.Disk{}, ts.MkAbs(args[0]))
	ts.Check(err)
	var plugins []string
	var sources []lock.Source
	for _, p := range m.Plugins {
		plugins = append(plugins, p.Name)
		sources = append(sources, lock.Source{Plugin: p.Name, Name: p.Name, Class: "datahub.ingestion.source." + p.Name + ":Source"})
	}
	ts.Check(lock.Write(ts.MkAbs(args[1]), &lock.Lock{
		Version: lock.FormatVersion, Manifest: m.Digest(), Resolved: "2026-11-22", CLIVersion: m.CLI.Version,
		Layers: lock.Layers{Budget: m.Layers.Budget, Buckets: 16, OwnAbove: 8 << 20, Compression: m.Layers.Compression},
		Platforms: []*lock.Platform{{
			Platform: "linux/amd64", Python: "3.13", Base: lock.Base{Suite: "trixie"},
			Wheels: []lock.Wheel{{
				Name: "acryl-datahub", Version: cliVersion, File: f.mirror.name, Index: "default",
				Size: int64(len(f.mirror.wheel)), SHA256: hashOf(f.mirror.wheel),
			}},
			Venvs: []lock.Venv{{
				Dir: plugins[0] + "-bundled", Label: plugins[0], Plugins: plugins, Extras: []string{}, Sources: sources, Wheels: []string{f.mirror.name},
			}},
		}},
	}))
}

// makeImage writes a layout with a small image that lockforge did not build.
func makeImage(t *testing.T, text string) string {
	made := filepath.Join(t.TempDir(), "made")
	imagetest.Layout(t, made, imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.Dir("etc"), imagetest.File("etc/motd", text)}},
	}})
	img, err := image.Open(t.Context(), "oci:"+made, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "layout")
	if err := image.WriteLayout(t.Context(), dir, img, "latest"); err != nil {
		t.Fatal(err)
	}
	return dir
}

// copyImage DIR [other] puts such a layout into the script's folder.
func (f fixtures) copyImage(ts *testscript.TestScript, neg bool, args []string) {
	from := f.image
	switch {
	case len(args) == 2 && args[1] == "other":
		from = f.other
	case neg || len(args) != 1:
		ts.Fatalf("usage: mkimage dir [other]")
	}
	ts.Check(os.CopyFS(ts.MkAbs(args[0]), os.DirFS(from)))
}
