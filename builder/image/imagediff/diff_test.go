package imagediff_test

import (
	"archive/tar"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagediff"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

// sample is an image of two layers that lockforge could have made.
func sample() imagetest.Image {
	return imagetest.Image{
		Config: map[string]any{"User": "1000", "Env": []string{"A=1", "B=2"}},
		Layers: []imagetest.Layer{
			{CreatedBy: "lockforge: os: 2 packages", Entries: []imagetest.Entry{
				imagetest.Dir("etc"), imagetest.File("etc/name", "one"), imagetest.Link("etc/link", "name"),
			}},
			{CreatedBy: "lockforge: wheels-01: a 1.0", Entries: []imagetest.Entry{
				imagetest.Dir("opt"), imagetest.Dir("opt/a-1.0"), imagetest.File("opt/a-1.0/x.py", "x = 1"),
			}},
		},
	}
}

func open(t *testing.T, images ...imagetest.Image) *image.Image {
	t.Helper()
	dir := t.TempDir()
	imagetest.Layout(t, dir, images...)
	img, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

var digests = regexp.MustCompile(`sha256:[0-9a-f]{64}( of \d+ bytes)?`)

// lines are the changes for people, without digests.
func lines(changes []imagediff.Change) []string {
	all := []string{}
	for _, c := range changes {
		all = append(all, digests.ReplaceAllString(c.String(), "D"))
	}
	return all
}

func TestDifferencesAreNamed(t *testing.T) {
	const (
		osChanged     = "changed layer 1 (os) digest: D -> D (linux/amd64)"
		wheelsChanged = "changed layer 2 (wheels-01) digest: D -> D (linux/amd64)"
	)
	entry := func(layer, n int, edit func(e *imagetest.Entry)) func(i *imagetest.Image) {
		return func(i *imagetest.Image) { edit(&i.Layers[layer].Entries[n]) }
	}
	for name, tt := range map[string]struct {
		edit func(i *imagetest.Image)
		want []string
	}{
		"nothing": {func(*imagetest.Image) {}, []string{}},
		"config": {func(i *imagetest.Image) {
			i.Config = map[string]any{"User": "0", "Env": []string{"A=1"}, "WorkingDir": "/tmp"}
		}, []string{
			`removed config config.Env[1]: "B=2" (linux/amd64)`, `changed config config.User: "1000" -> "0" (linux/amd64)`,
			`added config config.WorkingDir: "/tmp" (linux/amd64)`,
		}},
		"content": {entry(0, 1, func(e *imagetest.Entry) { e.Body = "two" }),
			[]string{osChanged, "changed entry etc/name content: D -> D (layer 1 (os), linux/amd64)"}},
		"mode and owner": {entry(0, 1, func(e *imagetest.Entry) { e.Mode, e.UID, e.GID = 0o600, 1, 2 }),
			[]string{
				osChanged, "changed entry etc/name mode: 0644 -> 0600 (layer 1 (os), linux/amd64)",
				"changed entry etc/name uid: 0 -> 1 (layer 1 (os), linux/amd64)", "changed entry etc/name gid: 0 -> 2 (layer 1 (os), linux/amd64)",
			}},
		"time": {entry(1, 2, func(e *imagetest.Entry) { e.Time = imagetest.Epoch.Add(time.Second) }),
			[]string{wheelsChanged, "changed entry opt/a-1.0/x.py mtime: 2026-01-02T00:00:00Z -> 2026-01-02T00:00:01Z (layer 2 (wheels-01), linux/amd64)"}},
		"link": {entry(0, 2, func(e *imagetest.Entry) { e.Link = "other" }),
			[]string{osChanged, "changed entry etc/link link: name -> other (layer 1 (os), linux/amd64)"}},
		"type": {entry(0, 2, func(e *imagetest.Entry) { *e = imagetest.File("etc/link", "x") }),
			[]string{osChanged, "changed entry etc/link type: symlink to name -> file of 1 bytes, D (layer 1 (os), linux/amd64)"}},
		"attributes": {entry(0, 1, func(e *imagetest.Entry) { e.Xattrs = map[string]string{"user.x": "1"} }),
			[]string{
				osChanged, "changed entry etc/name format: USTAR -> PAX (layer 1 (os), linux/amd64)",
				`changed entry etc/name pax SCHILY.xattr.user.x: "" -> "1" (layer 1 (os), linux/amd64)`,
			}},
		"name is spelled otherwise": {entry(0, 1, func(e *imagetest.Entry) { e.Name = "./etc/name" }),
			[]string{osChanged, "changed entry etc/name name: etc/name -> ./etc/name (layer 1 (os), linux/amd64)"}},
		"whiteout": {entry(0, 1, func(e *imagetest.Entry) { *e = imagetest.File("etc/.wh.name", "") }),
			[]string{osChanged, "added entry etc/.wh.name: whiteout (layer 1 (os), linux/amd64)", "removed entry etc/name: file of 3 bytes, D (layer 1 (os), linux/amd64)"}},
		"another version of a wheel": {func(i *imagetest.Image) {
			i.Layers[1] = imagetest.Layer{CreatedBy: "lockforge: wheels-01: a 1.1", Entries: []imagetest.Entry{
				imagetest.Dir("opt"), imagetest.Dir("opt/a-1.1"), imagetest.File("opt/a-1.1/x.py", "x = 2"), imagetest.File("opt/a-1.1/y.py", "y = 2"),
			}}
		}, []string{
			`changed config history[1].created_by: "lockforge: wheels-01: a 1.0" -> "lockforge: wheels-01: a 1.1" (linux/amd64)`, wheelsChanged,
			"removed entry opt/a-1.0: dir with 1 entries (layer 2 (wheels-01), linux/amd64)", "added entry opt/a-1.1: dir with 2 entries (layer 2 (wheels-01), linux/amd64)",
		}},
		"order of entries": {func(i *imagetest.Image) {
			e := i.Layers[0].Entries
			e[1], e[2] = e[2], e[1]
		}, []string{osChanged, "changed layer 1 (os) order: etc/name -> etc/link (linux/amd64)"}},
		"padding": {func(i *imagetest.Image) { i.Layers[0].Trailer = make([]byte, 512) },
			[]string{osChanged, "changed layer 1 (os) archive: D -> D with the same entries (linux/amd64)"}},
		"compression": {func(i *imagetest.Image) { i.Layers[0].Compression = "zstd" },
			[]string{
				`changed layer 1 (os) mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" -> "application/vnd.oci.image.layer.v1.tar+zstd" (linux/amd64)`,
				osChanged, "changed layer 1 (os) compression: N -> N of the same archive (linux/amd64)",
			}},
		"diff ID": {func(i *imagetest.Image) { i.Layers[0].DiffID = "sha256:" + strings.Repeat("a", 64) },
			[]string{"changed layer 1 (os) diffID: D -> D (linux/amd64)"}},
		"a layer more": {func(i *imagetest.Image) {
			more := imagetest.Layer{CreatedBy: "lockforge: python: 3.13", Entries: []imagetest.Entry{imagetest.File("python", "x")}}
			i.Layers = []imagetest.Layer{i.Layers[0], more, i.Layers[1]}
		}, []string{
			`changed config history[1].created_by: "lockforge: wheels-01: a 1.0" -> "lockforge: python: 3.13" (linux/amd64)`,
			`added config history[2]: {"created":"2026-01-02T00:00:00Z","created_by":"lockforge: wheels-01: a 1.0"} (linux/amd64)`,
			"added layer 2 (python): D (linux/amd64)",
		}},
		"layers in another order": {func(i *imagetest.Image) { i.Layers[0], i.Layers[1] = i.Layers[1], i.Layers[0] },
			[]string{
				`changed config history[0].created_by: "lockforge: os: 2 packages" -> "lockforge: wheels-01: a 1.0" (linux/amd64)`,
				`changed config history[1].created_by: "lockforge: wheels-01: a 1.0" -> "lockforge: os: 2 packages" (linux/amd64)`,
				"changed layer 2 (wheels-01) order: position 2 -> position 1 (linux/amd64)",
			}},
		"platform": {func(i *imagetest.Image) { i.Platform = "linux/arm64" },
			[]string{
				`removed index manifests.linux/amd64: {"mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"amd64","os":"linux"}}`,
				`added index manifests.linux/arm64: {"mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{"architecture":"arm64","os":"linux"}}`,
				"removed platform linux/amd64: D", "added platform linux/arm64: D",
			}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			edited := sample()
			tt.edit(&edited)
			changes, err := imagediff.Compare(t.Context(), open(t, sample()), open(t, edited))
			if err != nil {
				t.Fatal(err)
			}
			got := lines(changes)
			for n := range got {
				got[n] = regexp.MustCompile(`\d+ bytes( of the| ->)`).ReplaceAllString(got[n], "N$1")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// Documents of equal value in other bytes have other digests.
func TestSpellingOfDocuments(t *testing.T) {
	dir := t.TempDir()
	digest := imagetest.Layout(t, dir, sample())
	before, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	raw := append(before.Raw(), '\n')
	spaced := imagetest.Blob(t, dir, raw)
	imagetest.WriteIndex(t, dir, map[string]any{"mediaType": image.MediaTypeIndex, "digest": spaced, "size": len(raw)})
	after, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	changes, err := imagediff.Compare(t.Context(), before, after)
	if err != nil {
		t.Fatal(err)
	}
	if len(changes) != 1 || changes[0].What != imagediff.WhatIndex || changes[0].Field != "spelling" {
		t.Errorf("%s and %s: %v", digest, spaced, lines(changes))
	}
}

// A layer that is not itself is an error, never a difference.
func TestABrokenLayerIsAnError(t *testing.T) {
	edited := sample()
	edited.Layers[0].Entries[1].Body = "two"
	dir := t.TempDir()
	imagetest.Layout(t, dir, edited)
	img, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blob := filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(img.Platforms()[0].Layers()[0].Digest, "sha256:"))
	content, err := os.ReadFile(blob)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(blob, content, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := imagediff.Compare(t.Context(), open(t, sample()), img); !fault.Is(err, fault.Integrity) {
		t.Errorf("error = %v, want an integrity fault", err)
	}
}

// Layers that nothing is known of belong together in their order.
func TestForeignImages(t *testing.T) {
	foreign := func(bodies ...string) imagetest.Image {
		var i imagetest.Image
		for _, b := range bodies {
			i.Layers = append(i.Layers, imagetest.Layer{Entries: []imagetest.Entry{{Name: "file", Body: b, Kind: tar.TypeReg}}})
		}
		return i
	}
	changes, err := imagediff.Compare(t.Context(), open(t, foreign("a", "b", "c")), open(t, foreign("a", "x")))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`removed config history[2]: {"created":"2026-01-02T00:00:00Z","created_by":""} (linux/amd64)`,
		"changed layer 2 digest: D -> D (linux/amd64)", "changed entry file content: D -> D (layer 2, linux/amd64)",
		"removed layer 3: D (linux/amd64)",
	}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}
