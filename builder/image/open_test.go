package image_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

func open(t testing.TB, ref string) *image.Image {
	t.Helper()
	img, err := image.Open(context.Background(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func platformNames(img *image.Image) []string {
	var names []string
	for _, p := range img.Platforms() {
		names = append(names, p.Name())
	}
	return names
}

func twoPlatforms(t testing.TB, dir string) string {
	layer := imagetest.Layer{Entries: []imagetest.Entry{imagetest.File("a", "1")}, CreatedBy: "os"}
	return imagetest.Layout(t, dir,
		imagetest.Image{Platform: "linux/arm64", Layers: []imagetest.Layer{layer}},
		imagetest.Image{Platform: "linux/amd64", Layers: []imagetest.Layer{layer, {Entries: []imagetest.Entry{imagetest.File("b", "2")}, CreatedBy: "wheels"}},
			Config: map[string]any{"User": "1000", "Env": []string{"A=1"}, "Entrypoint": []string{"/x"}}})
}

func TestOpenLayout(t *testing.T) {
	dir := t.TempDir()
	digest := twoPlatforms(t, dir)
	for _, ref := range []string{"oci:" + dir, "oci:" + dir + "@" + digest} {
		img := open(t, ref)
		if img.Digest() != digest {
			t.Errorf("%s: digest %s, want %s", ref, img.Digest(), digest)
		}
		if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, platformNames(img)); diff != "" {
			t.Errorf("platforms (-want +got):\n%s", diff)
		}
	}
	p, err := open(t, "oci:"+dir).Platform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if c := p.Config(); c.User != "1000" || !c.Created.Equal(imagetest.Epoch) || cmp.Diff([]string{"A=1"}, c.Env) != "" {
		t.Errorf("config = %+v", c)
	}
	if l := p.Layers(); len(l) != 2 || l[1].CreatedBy != "wheels" || l[1].Index != 1 {
		t.Errorf("layers = %+v", l)
	}
	if _, err := open(t, "oci:"+dir).Platform("linux/s390x"); !fault.Is(err, fault.Usage) {
		t.Errorf("a platform that is not there: %v", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	good := t.TempDir()
	twoPlatforms(t, good)
	const zero = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
	index := func(entries ...map[string]any) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			raw, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": entries})
			if err != nil {
				t.Fatal(err)
			}
			d := imagetest.Blob(t, dir, raw)
			imagetest.WriteIndex(t, dir, map[string]any{"mediaType": image.MediaTypeIndex, "digest": d, "size": len(raw)})
		}
	}
	for _, tc := range []struct {
		name  string
		kind  fault.Kind
		spoil func(t *testing.T, dir string)
	}{
		{"no layout", fault.Usage, func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, "index.json")) }},
		{"no image", fault.Usage, func(t *testing.T, dir string) { imagetest.WriteIndex(t, dir) }},
		{"two images", fault.Usage, func(t *testing.T, dir string) {
			imagetest.WriteIndex(t, dir,
				map[string]any{"mediaType": image.MediaTypeIndex, "digest": "sha256:1"}, map[string]any{"mediaType": image.MediaTypeIndex, "digest": "sha256:2"})
		}},
		{"not JSON", fault.Integrity, func(t *testing.T, dir string) {
			os.WriteFile(filepath.Join(dir, "index.json"), []byte("<html>"), 0o644)
		}},
		{"digest with a path", fault.Integrity, func(t *testing.T, dir string) {
			imagetest.WriteIndex(t, dir, map[string]any{"mediaType": image.MediaTypeIndex, "digest": "sha256:../../index.json", "size": 1})
		}},
		{"missing manifest", fault.Integrity, index(map[string]any{"mediaType": image.MediaTypeManifest, "digest": zero, "size": 1})},
		{"index in an index", fault.Integrity, index(map[string]any{"mediaType": image.MediaTypeIndex, "digest": zero, "size": 1})},
		{"empty index", fault.Integrity, index()},
		{"foreign address", fault.Integrity, index(map[string]any{"mediaType": image.MediaTypeManifest, "digest": zero, "size": 1, "urls": []string{"http://mirror.example"}})},
		{"index bomb", fault.Integrity, func(t *testing.T, dir string) {
			entries := make([]map[string]any, image.MaxManifests+1)
			for n := range entries {
				entries[n] = map[string]any{"mediaType": image.MediaTypeManifest, "digest": zero, "size": 1}
			}
			index(entries...)(t, dir)
		}},
		{"tampered manifest", fault.Integrity, func(t *testing.T, dir string) {
			p, _ := open(t, "oci:"+dir).Platform("linux/amd64")
			os.WriteFile(filepath.Join(dir, "blobs", "sha256", p.Digest()[7:]), []byte(`{}`), 0o644)
		}},
		{"same platform twice", fault.Integrity, func(t *testing.T, dir string) {
			imagetest.Layout(t, dir, imagetest.Image{}, imagetest.Image{Config: map[string]any{"User": "1"}})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			twoPlatforms(t, dir)
			tc.spoil(t, dir)
			_, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
			if fault.KindOf(err) != tc.kind || err == nil {
				t.Errorf("got %v, want kind %v", err, tc.kind)
			}
		})
	}
}

func TestOpenIgnoresWhatCosignKeepsBeside(t *testing.T) {
	dir := t.TempDir()
	digest := twoPlatforms(t, dir)
	size := imagetest.BlobSize(t, dir, digest)
	imagetest.WriteIndex(t, dir,
		map[string]any{"mediaType": image.MediaTypeIndex, "digest": digest, "size": size, "annotations": map[string]string{"kind": "dev.cosignproject.cosign/imageIndex"}},
		map[string]any{"mediaType": image.MediaTypeManifest, "digest": digest, "size": size, "annotations": map[string]string{"kind": "dev.cosignproject.cosign/sigs"}})
	if got := open(t, "oci:"+dir).Digest(); got != digest {
		t.Errorf("opened %s, want %s", got, digest)
	}
}

func TestOpenWhatOtherToolsWrite(t *testing.T) {
	img, err := random.Image(2000, 3)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.OS, config.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path, err := layout.Write(filepath.Join(dir, "oci"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag("mirror.example/a/b:c")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(filepath.Join(dir, "docker.tar"), tag, img); err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"oci:" + filepath.Join(dir, "oci"), "tar:" + filepath.Join(dir, "docker.tar")} {
		got := open(t, ref)
		if n := len(got.Platforms()[0].Layers()); n != 3 {
			t.Errorf("%s: %d layers, want 3", ref, n)
		}
		if _, err := collect(got); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}
