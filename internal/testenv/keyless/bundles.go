package keyless

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/image/imagetest"
)

const mediaBundle = "application/vnd.dev.sigstore.bundle.v0.3+json"

// object is JSON of which only some members matter.
type object = map[string]any

// Bundles returns the content of every bundle in an OCI layout, in its order.
func Bundles(t testing.TB, dir string) [][]byte {
	t.Helper()
	var all [][]byte
	for _, entry := range entries(readObject(t, filepath.Join(dir, "index.json"))) {
		if entry["artifactType"] == mediaBundle {
			all = append(all, readFile(t, blob(dir, layer(readObject(t, blob(dir, entry))))))
		}
	}
	if len(all) == 0 {
		t.Fatal("the layout has no bundle")
	}
	return all
}

// EditBundles changes every bundle of a layout, in its order.
func EditBundles(t testing.TB, dir string, change func(bundle map[string]any)) {
	t.Helper()
	var changed [][]byte
	for _, content := range Bundles(t, dir) {
		var b object
		must(t, json.Unmarshal(content, &b))
		change(b)
		changed = append(changed, marshal(t, b))
	}
	ReplaceBundles(t, dir, changed)
}

// ReplaceBundles puts other bundles into the places of a layout's; places that
// are left over are removed. The digests that lead there are made right, so
// that the bundles claim to be about the image of the layout.
func ReplaceBundles(t testing.TB, dir string, content [][]byte) {
	t.Helper()
	path := filepath.Join(dir, "index.json")
	index := readObject(t, path)
	var kept []any
	for _, entry := range entries(index) {
		if entry["artifactType"] == mediaBundle {
			if len(content) == 0 {
				continue
			}
			carrier := readObject(t, blob(dir, entry))
			point(t, dir, layer(carrier), content[0])
			point(t, dir, entry, marshal(t, carrier))
			content = content[1:]
		}
		kept = append(kept, entry)
	}
	index["manifests"] = kept
	must(t, os.WriteFile(path, marshal(t, index), 0o644))
}

// WithoutTimestamp is a change for EditBundles.
func WithoutTimestamp(bundle map[string]any) {
	delete(bundle["verificationMaterial"].(object), "timestampVerificationData")
}

// point makes a descriptor one of content, which it stores.
func point(t testing.TB, dir string, descriptor object, content []byte) {
	descriptor["digest"], descriptor["size"] = imagetest.Blob(t, dir, content), len(content)
}

func entries(index object) []object {
	var all []object
	for _, e := range index["manifests"].([]any) {
		all = append(all, e.(object))
	}
	return all
}

func layer(manifest object) object { return manifest["layers"].([]any)[0].(object) }

func blob(dir string, descriptor object) string {
	return filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(descriptor["digest"].(string), "sha256:"))
}

func readObject(t testing.TB, path string) object {
	t.Helper()
	var o object
	must(t, json.Unmarshal(readFile(t, path), &o))
	return o
}

func readFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	must(t, err)
	return text
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	return text
}
