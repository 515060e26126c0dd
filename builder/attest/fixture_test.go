package attest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/policy"
)

// writeLayout writes a small image into a fresh OCI layout, under a name.
// Each call makes another image.
func writeLayout(t *testing.T) string {
	t.Helper()
	made := filepath.Join(t.TempDir(), "made")
	imagetest.Layout(t, made, imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("name", made)}},
	}})
	dir := filepath.Join(t.TempDir(), "layout")
	if err := image.WriteLayout(t.Context(), dir, openImage(t, "oci:"+made), "v1"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openImage(t *testing.T, ref string) *image.Image {
	t.Helper()
	img, err := image.Open(t.Context(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// push puts such an image into a registry under a tag.
func push(t *testing.T, address string) string {
	t.Helper()
	ref := address + "/team/locked:v1"
	if _, err := image.Push(t.Context(), openImage(t, "oci:"+writeLayout(t)), ref, image.Options{}); err != nil {
		t.Fatal(err)
	}
	return ref
}

// Two key pairs for all tests: encrypting one, and opening it, costs a quarter
// of a second of scrypt.
var (
	pairs   = [2]func() (keys, error){sync.OnceValues(newPair), sync.OnceValues(newPair)}
	signers sync.Map // by path of the key
	scratch string   // of the test binary
)

type keys struct{ private, public string }

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "attest"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func newPair() (keys, error) {
	dir, err := os.MkdirTemp(scratch, "pair")
	if err != nil {
		return keys{}, err
	}
	private, public, err := attest.Keygen(filepath.Join(dir, "cosign"), nil)
	return keys{private, public}, err
}

// keyPair is a cosign key pair with an empty password.
func keyPair(t *testing.T) (private, public string) { return pair(t, 0) }

// otherPair is another one.
func otherPair(t *testing.T) (private, public string) { return pair(t, 1) }

func pair(t *testing.T, n int) (private, public string) {
	t.Helper()
	p, err := pairs[n]()
	if err != nil {
		t.Fatal(err)
	}
	return p.private, p.public
}

func signer(t *testing.T, key string) *attest.Signer {
	t.Helper()
	if s, ok := signers.Load(key); ok {
		return s.(*attest.Signer)
	}
	s, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	signers.Store(key, s)
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

func put(t *testing.T, dir string, content []byte) string {
	t.Helper()
	return imagetest.Blob(t, dir, content)
}
