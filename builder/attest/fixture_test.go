package attest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/policy"
)

// testIndex is an image index over one small platform image.
func testIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	content, err := random.Layer(1024, types.OCIUncompressedLayer)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(content.Uncompressed, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		t.Fatal(err)
	}
	img, err := mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layer)
	if err != nil {
		t.Fatal(err)
	}
	return mutate.IndexMediaType(mutate.AppendManifests(empty.Index, mutate.IndexAddendum{
		Add: img, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}},
	}), types.OCIImageIndex)
}

func digestOf(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	h, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return h.String()
}

// writeLayout puts the index into a fresh OCI layout under a name.
func writeLayout(t *testing.T, index v1.ImageIndex) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	named := layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "v1"})
	if err := path.AppendIndex(index, named); err != nil {
		t.Fatal(err)
	}
	return dir
}

// push puts the index into a registry under a tag.
func push(t *testing.T, address string, index v1.ImageIndex) string {
	t.Helper()
	ref, err := name.ParseReference(address + "/team/locked:v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(ref, index); err != nil {
		t.Fatal(err)
	}
	return ref.String()
}

// keyPair makes a cosign key pair with an empty password.
func keyPair(t *testing.T) (private, public string) {
	t.Helper()
	private, public, err := attest.Keygen(filepath.Join(t.TempDir(), "cosign"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return private, public
}

func signer(t *testing.T, key string) *attest.Signer {
	t.Helper()
	s, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func trust(t *testing.T, key string) *attest.Trust {
	t.Helper()
	tr, err := attest.NewTrust(t.Context(), attest.TrustOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func open(t *testing.T, ref string) *attest.Target {
	t.Helper()
	target, err := attest.Open(t.Context(), ref, attest.Options{Name: "team/locked"})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

const sbomText = `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","dataLicense":"CC0-1.0","name":"locked","documentNamespace":"urn:lockforge:x"}`

// build describes a build whose result is digest.
func build(digest string) attest.Build {
	return attest.Build{
		Name: "team/locked", Digest: digest, Tool: "0.1.0",
		Manifest:  attest.Source{Digest: "sha256:" + hex64("a"), Content: "version: 1\n"},
		Lock:      attest.Source{Digest: "sha256:" + hex64("b"), Content: "version: 1\nplatforms: []\n"},
		Materials: []attest.Material{{Name: "PyYAML-6.0.3.whl", URI: "pkg:pypi/pyyaml@6.0.3", SHA256: hex64("c")}},
		Drops:     []string{"wheel: tmp/"},
		BuildKit:  attest.BuildKit{Version: "v0.33.1", Hermetic: true, Dependencies: 1},
		Platforms: []attest.Platform{{
			Name: "linux/amd64", Digest: "sha256:" + hex64("d"),
			SPDX: []byte(sbomText), CycloneDX: []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6"}`),
			Tests:   []attest.Test{{Name: "import mysql", Status: attest.TestPassed}},
			Verdict: &policy.Verdict{PolicyDigest: "sha256:" + hex64("e")},
		}},
	}
}

func statements(t *testing.T, digest string) []attest.Statement {
	t.Helper()
	all, err := attest.Make(build(digest))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func hex64(digit string) string {
	text := ""
	for range 64 {
		text += digit
	}
	return text
}

// indexJSON is the part of a layout's index that tests look at or change.
type indexJSON struct {
	SchemaVersion int              `json:"schemaVersion"`
	Manifests     []map[string]any `json:"manifests"`
}

func readIndex(t *testing.T, dir string) indexJSON {
	t.Helper()
	var index indexJSON
	readJSON(t, filepath.Join(dir, "index.json"), &index)
	return index
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func blobPath(dir, digest string) string {
	return filepath.Join(dir, "blobs", "sha256", digest[len("sha256:"):])
}
