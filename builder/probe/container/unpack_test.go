package container

import (
	"archive/tar"
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// platform is an image of layers.
func platform(t *testing.T, layers ...[]imagetest.Entry) *image.Platform {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Missing(t, "giving files to others takes root")
	}
	var all []imagetest.Layer
	for _, entries := range layers {
		all = append(all, imagetest.Layer{Entries: entries, Compression: "none"})
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: all})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img.Platforms()[0]
}

// tree lists what lies below a directory: "path", "path -> target" or "path: content".
func tree(t *testing.T, root string) []string {
	t.Helper()
	all := []string{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == root {
			return err
		}
		line := strings.TrimPrefix(p, root+"/")
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + target
		case d.Type().IsRegular():
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += ": " + string(content)
		}
		all = append(all, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestUnpackWritesLayersOverEachOther(t *testing.T) {
	hard := imagetest.Entry{Name: "c/hard", Kind: tar.TypeLink, Link: "c/file"}
	for name, tc := range map[string]struct {
		layers [][]imagetest.Entry
		want   []string
	}{
		"replaced":             {[][]imagetest.Entry{{imagetest.File("a", "1"), imagetest.Dir("d")}, {imagetest.File("a", "2"), imagetest.File("d/e", "")}}, []string{"a: 2", "d", "d/e: "}},
		"removed":              {[][]imagetest.Entry{{imagetest.File("d/a", "1"), imagetest.File("d/b", "")}, {imagetest.File("d/.wh.a", "")}}, []string{"d", "d/b: "}},
		"emptied":              {[][]imagetest.Entry{{imagetest.File("d/a", "1"), imagetest.File("d/s/b", "")}, {imagetest.File("d/new", ""), imagetest.File("d/.wh..wh..opq", "")}}, []string{"d", "d/new: "}},
		"hard link":            {[][]imagetest.Entry{{imagetest.File("c/file", "x")}, {hard}}, []string{"c", "c/file: x", "c/hard: x"}},
		"devices":              {[][]imagetest.Entry{{imagetest.Dir("dev"), {Name: "dev/sda", Kind: tar.TypeBlock}, {Name: "dev/p", Kind: tar.TypeFifo}, {Name: "dev/again", Kind: tar.TypeLink, Link: "dev/sda"}}}, []string{"dev"}},
		"file for a device":    {[][]imagetest.Entry{{{Name: "a", Kind: tar.TypeBlock}}, {imagetest.File("a", "x"), {Name: "b", Kind: tar.TypeLink, Link: "a"}}}, []string{"a: x", "b: x"}},
		"device for a file":    {[][]imagetest.Entry{{imagetest.File("a", "x")}, {{Name: "a", Kind: tar.TypeChar}}}, []string{}},
		"directory for a link": {[][]imagetest.Entry{{imagetest.Link("a", "b")}, {imagetest.Dir("a")}}, []string{"a"}},
		"file for a directory": {[][]imagetest.Entry{{imagetest.File("a/b", "")}, {imagetest.File("a", "x")}}, []string{"a: x"}},
		"through a link":       {[][]imagetest.Entry{{imagetest.Dir("usr/bin"), imagetest.Link("bin", "usr/bin")}, {imagetest.File("bin/x", "")}}, []string{"bin -> usr/bin", "usr", "usr/bin", "usr/bin/x: "}},
		"through an absolute":  {[][]imagetest.Entry{{imagetest.Dir("run"), imagetest.Link("var/run", "/run")}, {imagetest.File("var/run/x", "")}}, []string{"run", "run/x: ", "var", "var/run -> /run"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := (&unpacker{}).unpack(context.Background(), platform(t, tc.layers...), root); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tree(t, root)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestUnpackNeverLeavesTheRoot plants links that would lead out on this
// machine; each layer by itself is well-formed.
func TestUnpackNeverLeavesTheRoot(t *testing.T) {
	outside := t.TempDir()
	link := imagetest.Link("out", outside) // absolute: below the root, for a container
	for name, layers := range map[string][][]imagetest.Entry{
		"file":     {{link}, {imagetest.File("out/x", "escaped")}},
		"link":     {{link}, {imagetest.Link("out/x", "y")}},
		"removal":  {{link}, {imagetest.File("out/.wh.kept", "")}},
		"emptying": {{link}, {imagetest.File("out/.wh..wh..opq", "")}},
		"chain":    {{imagetest.Link("a", "out"), link}, {imagetest.File("a/x", "escaped")}},
		"hard":     {{link, imagetest.Dir("d")}, {{Name: "d/h", Kind: tar.TypeLink, Link: "out/kept"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(outside, "kept"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			root := t.TempDir()
			err := (&unpacker{}).unpack(context.Background(), platform(t, layers...), root)
			if name == "hard" && err == nil {
				t.Error("a file of this machine was linked")
			}
			if diff := cmp.Diff([]string{"kept: x"}, tree(t, outside)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUnpackEndsInLoopsOfLinks(t *testing.T) {
	layers := [][]imagetest.Entry{{imagetest.Link("a", "b"), imagetest.Link("b", "a")}, {imagetest.File("a/x", "")}}
	if err := (&unpacker{}).unpack(context.Background(), platform(t, layers...), t.TempDir()); !fault.Is(err, fault.Integrity) {
		t.Errorf("got %v", err)
	}
}

func TestUmaskClosesNoDirectory(t *testing.T) {
	p := platform(t, []imagetest.Entry{imagetest.File("a/b/c", "")})
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	c, err := Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, dir := range []string{"/", "/a", "/a/b"} {
		at, _ := c.Host(dir)
		if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
}

func TestUnpackKeepsOwnersModesAndTimes(t *testing.T) {
	root := t.TempDir()
	e := imagetest.Entry{Name: "su", Body: "x", Mode: 0o4755, UID: 7, GID: 8}
	if err := (&unpacker{}).unpack(context.Background(), platform(t, []imagetest.Entry{e}), root); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, "su"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o755|fs.ModeSetuid || !info.ModTime().Equal(imagetest.Epoch) {
		t.Errorf("got %v, %v", info.Mode(), info.ModTime())
	}
}

func TestOpenFindsUserAndInterpreters(t *testing.T) {
	p := platform(t, []imagetest.Entry{
		imagetest.File("opt/v/pyvenv.cfg", ""), imagetest.Link("opt/v/bin/python", "/usr/bin/python3.13"), imagetest.Exec("usr/bin/python3.13", ""),
		imagetest.File("gone/pyvenv.cfg", ""), imagetest.File("usr/share/python3", ""), imagetest.Exec("usr/bin/python3-config", ""),
	}, []imagetest.Entry{imagetest.File("gone/.wh.pyvenv.cfg", "")})
	c, err := Open(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if diff := cmp.Diff([][]string{{"/opt/v"}, {"/opt/v/bin/python", "/usr/bin/python3.13"}}, [][]string{c.Venvs, c.Pythons}); diff != "" {
		t.Error(diff)
	}
	if got := c.Real("/opt/v/bin/python"); got != "/usr/bin/python3.13" {
		t.Errorf("the interpreter is %q", got)
	}
	scratch := c.scratch
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(scratch); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", scratch, err)
	}
}
