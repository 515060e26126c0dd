package base

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/store"
)

// clean is a base that a locked image can begin with.
func clean() []imagetest.Entry {
	return []imagetest.Entry{
		imagetest.Dir("usr"), imagetest.Dir("usr/bin"), imagetest.Dir("usr/lib"), imagetest.Link("lib", "usr/lib"),
		imagetest.Exec("usr/bin/python3.13", "interpreter"), imagetest.Link("usr/bin/python3", "python3.13"),
		imagetest.Dir("usr/lib/python3.13"), imagetest.File("usr/lib/python3.13/os.py", "x = 1\n"),
		imagetest.Dir("usr/lib/x86_64-linux-gnu"),
		imagetest.File("usr/lib/x86_64-linux-gnu/libc.so.6", "\x00GNU C Library (Example 2.41-1) stable release version 2.41.\n\x00"),
		{Name: "tmp/", Kind: tar.TypeDir, Mode: 0o1777},
	}
}

func open(t *testing.T, layers ...[]imagetest.Entry) *image.Platform {
	t.Helper()
	var img imagetest.Image
	for _, entries := range layers {
		img.Layers = append(img.Layers, imagetest.Layer{Entries: entries})
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, img)
	opened, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return opened.Platforms()[0]
}

func newStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInspect(t *testing.T) {
	r, err := Inspect(t.Context(), open(t, clean()))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Report{Python: "3.13", Glibc: "2.41"}, r); d != "" {
		t.Error(d)
	}
	if err := Refuse("linux/amd64", "sha256:0", r.Forbidden); err != nil {
		t.Error(err)
	}
}

func TestOfTwoPythonsTheLinkDecides(t *testing.T) {
	second := []imagetest.Entry{imagetest.Exec("usr/bin/python3.11", ""), imagetest.File("usr/lib/python3.11/os.py", "")}
	r, err := Inspect(t.Context(), open(t, clean(), second))
	if err != nil || r.Python != "3.13" {
		t.Errorf("%v, %v", r, err)
	}
	gone := append(second, imagetest.File("usr/bin/.wh.python3", ""))
	if _, err := Inspect(t.Context(), open(t, clean(), gone)); !fault.Is(err, fault.Manifest) {
		t.Errorf("%v", err)
	}
}

func TestUnusableBases(t *testing.T) {
	without := func(name string) [][]imagetest.Entry {
		return [][]imagetest.Entry{slices.DeleteFunc(clean(), func(e imagetest.Entry) bool { return e.Name == name })}
	}
	for name, layers := range map[string][][]imagetest.Entry{
		"no interpreter":               without("usr/bin/python3.13"),
		"interpreter removed later":    {clean(), {imagetest.File("usr/bin/.wh.python3.13", "")}},
		"directory made opaque":        {clean(), {imagetest.File("usr/lib/python3.13/.wh..wh..opq", "")}},
		"no standard library":          without("usr/lib/python3.13/os.py"),
		"no glibc":                     without("usr/lib/x86_64-linux-gnu/libc.so.6"),
		"a libc that is no glibc":      {clean(), {imagetest.File("usr/lib/x86_64-linux-gnu/libc.so.6", "musl")}},
		"free-threaded only":           append(without("usr/bin/python3.13"), []imagetest.Entry{imagetest.Exec("usr/bin/python3.13t", "")}),
		"library covered by a file":    {clean(), {imagetest.File("usr/lib/python3.13", "")}},
		"interpreter is a broken link": append(without("usr/bin/python3.13"), []imagetest.Entry{imagetest.Link("usr/bin/python3.13", "gone")}),
		"interpreter is a loop":        append(without("usr/bin/python3.13"), []imagetest.Entry{imagetest.Link("usr/bin/python3.13", "python3")}),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Inspect(t.Context(), open(t, layers...)); !fault.Is(err, fault.Manifest) {
				t.Errorf("%v", err)
			}
		})
	}
}

// dirty is what usual base images have on top.
func dirty() []imagetest.Entry {
	return []imagetest.Entry{
		imagetest.Exec("usr/bin/dash", "shell"), imagetest.Link("usr/bin/sh", "dash"), imagetest.Exec("usr/bin/curl", ""),
		imagetest.Exec("usr/bin/git", ""),
		{Name: "usr/bin/chage", Body: "x", Mode: 0o4755},
		{Name: "var/mail/", Kind: tar.TypeDir, Mode: 0o2775, GID: 8},
		{Name: "var/tmp/", Kind: tar.TypeDir, Mode: 0o1777},
		{Name: "usr/bin/again", Kind: tar.TypeLink, Link: "usr/bin/chage", Mode: 0o4755},
		imagetest.File("usr/lib/python3.13/ensurepip/__init__.py", ""), imagetest.File("usr/lib/python3.13/ensurepip/data", ""),
		imagetest.File("usr/lib/python3.13/sitecustomize.py", ""),
		imagetest.File("usr/lib/python3.13/__pycache__/os.cpython-313.pyc", "\xf3\x0d\x0d\x0a\x00\x00\x00\x00aaaabbbbcode"),
		imagetest.File("etc/secret", "hidden"),
		{Name: "dev/sda", Kind: tar.TypeBlock},
	}
}

func TestForbiddenFilesAreListed(t *testing.T) {
	r, err := Inspect(t.Context(), open(t, clean(), dirty(), []imagetest.Entry{imagetest.File("etc/.wh.secret", "")}))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range r.Forbidden {
		found[f.Path] = true
	}
	for _, p := range []string{
		"usr/bin/dash", "usr/bin/sh", "usr/bin/curl", "usr/bin/git", "usr/bin/chage", "usr/bin/again", "var/mail", "var/tmp", "etc/secret", "dev/sda",
		"usr/lib/python3.13/ensurepip/__init__.py", "usr/lib/python3.13/sitecustomize.py", "usr/lib/python3.13/__pycache__/os.cpython-313.pyc",
	} {
		if !found[p] {
			t.Errorf("%s is not listed", p)
		}
	}
	if found["tmp"] || found["usr/bin/python3"] {
		t.Errorf("%v", r.Forbidden)
	}
	if !r.Bytecode {
		t.Error("its bytecode was not seen")
	}
	if err := Refuse("linux/amd64", "sha256:0", r.Forbidden); !fault.Is(err, fault.Denied) {
		t.Errorf("%v", err)
	}
	allowed := Without(r.Forbidden, []manifest.Allow{{Program: "git"}})
	if len(allowed) != len(r.Forbidden)-1 {
		t.Errorf("%d of %d left", len(allowed), len(r.Forbidden))
	}
}

// layerOf reads the one layer of a flattened base.
func layerOf(t *testing.T, s *store.Store, made *Image) map[string]*tar.Header {
	t.Helper()
	blob, err := s.Open(hexOf(made.DiffIDs[0]))
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	entries := map[string]*tar.Header{}
	r := tar.NewReader(blob.Reader())
	for {
		h, err := r.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		entries[strings.TrimSuffix(h.Name, "/")] = h
	}
}

func TestFlattenLeavesOutWhatIsForbidden(t *testing.T) {
	p := open(t, clean(), dirty(), []imagetest.Entry{imagetest.File("etc/.wh.secret", "")})
	s := newStore(t)
	made, err := Add(t.Context(), p, true, []manifest.Allow{{Program: "git"}}, s)
	if err != nil {
		t.Fatal(err)
	}
	entries := layerOf(t, s, made)
	for _, gone := range []string{"usr/bin/dash", "usr/bin/sh", "usr/bin/curl", "usr/lib/python3.13/ensurepip", "usr/lib/python3.13/ensurepip/data",
		"usr/lib/python3.13/sitecustomize.py", "usr/lib/python3.13/__pycache__", "etc/secret"} {
		if entries[gone] != nil {
			t.Errorf("%s is there", gone)
		}
	}
	for name, mode := range map[string]int64{"usr/bin/git": 0o755, "usr/bin/chage": 0o755, "usr/bin/again": 0o755, "var/tmp": 0o755, "var/mail": 0o755, "tmp": 0o1777,
		"usr/bin/python3.13": 0o755, "usr/lib/python3.13/os.py": 0o644} {
		if h := entries[name]; h == nil || h.Mode != mode || h.Uid+h.Gid != 0 {
			t.Errorf("%s: %+v", name, h)
		}
	}
	if h := entries["usr/bin/again"]; h.Typeflag != tar.TypeReg || h.Size != 1 {
		t.Errorf("a hard link became %+v", h)
	}
	flat, err := Open(t.Context(), made.Manifest, s)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Inspect(t.Context(), flat)
	if err != nil || len(Without(r.Forbidden, []manifest.Allow{{Program: "git"}})) > 0 {
		t.Errorf("the copy: %+v, %v", r, err)
	}
}

func TestFlattenGivesTheSameBytes(t *testing.T) {
	p := open(t, clean(), dirty())
	first, err := Flatten(t.Context(), p, nil, newStore(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := Flatten(t.Context(), p, nil, newStore(t))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}
}

func TestALowerLayersFileIsHiddenByUpperOnes(t *testing.T) {
	p := open(t, clean(), []imagetest.Entry{imagetest.File("usr/lib/a", "old"), imagetest.File("usr/lib/d/x", "")},
		[]imagetest.Entry{imagetest.File("usr/lib/a", "newer"), imagetest.Link("usr/lib/d", "a")})
	s := newStore(t)
	made, err := Flatten(t.Context(), p, nil, s)
	if err != nil {
		t.Fatal(err)
	}
	entries := layerOf(t, s, made)
	if entries["usr/lib/a"].Size != 5 || entries["usr/lib/d/x"] != nil || entries["usr/lib/d"].Typeflag != tar.TypeSymlink {
		t.Errorf("%v", entries)
	}
}

func TestFetchNeedsTheSourceOnce(t *testing.T) {
	for _, flatten := range []bool{false, true} {
		p := open(t, clean())
		s := newStore(t)
		added, err := Add(t.Context(), p, flatten, nil, newStore(t))
		if err != nil {
			t.Fatal(err)
		}
		asked := 0
		r := Request{
			Locked: lock.Base{Image: p.Digest(), Layers: added.DiffIDs}, Platform: "linux/amd64", Flatten: flatten, Store: s,
			Source: func(context.Context) (*image.Platform, error) { asked++; return p, nil },
		}
		for range 2 {
			got, err := Fetch(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(added, got); d != "" {
				t.Error(d)
			}
		}
		if asked != 1 {
			t.Errorf("flatten %v: the source was asked %d times", flatten, asked)
		}
		damage(t, s, hexOf(added.DiffIDs[0]), hexOf(p.Blobs()[2].Digest))
		if _, err := Fetch(t.Context(), r); err != nil || asked != 2 {
			t.Errorf("flatten %v: after damage: %v, asked %d times", flatten, err, asked)
		}
	}
}

// damage spoils those of the blobs that are there.
func damage(t *testing.T, s *store.Store, blobs ...string) {
	t.Helper()
	for _, sha := range blobs {
		content, err := os.ReadFile(s.Path(sha))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(s.Path(sha)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(s.Path(sha), bytes.Repeat([]byte("x"), len(content)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherBaseThanTheLocks(t *testing.T) {
	p, other := open(t, clean()), open(t, clean(), dirty())
	for name, locked := range map[string]lock.Base{
		"another image":  {Image: other.Digest(), Layers: []string{p.Layers()[0].DiffID}},
		"another layer":  {Image: p.Digest(), Layers: []string{"sha256:" + strings.Repeat("0", 64)}},
		"too few layers": {Image: p.Digest()},
	} {
		for _, flatten := range []bool{false, true} {
			_, err := Fetch(t.Context(), Request{
				Locked: locked, Platform: "linux/amd64", Flatten: flatten, Store: newStore(t),
				Source: func(context.Context) (*image.Platform, error) { return p, nil },
			})
			if !fault.Is(err, fault.LockDrift) {
				t.Errorf("%s, flatten %v: %v", name, flatten, err)
			}
		}
	}
}

// The list of what is forbidden follows facts about files: a new kind of tool
// is forbidden without a change here.
func TestEveryKindOfToolIsForbidden(t *testing.T) {
	f := &facts.Facts{Tools: []facts.Tool{{Path: "a", Kind: "new", Name: "b"}}}
	if got := forbidden(f); len(got) != 1 || got[0].Program != "b" {
		t.Errorf("%v", got)
	}
}
