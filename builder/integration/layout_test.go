package integration_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/image"
)

func digestOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// link makes a hard link, with the directories above it.
func link(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(from, to); err != nil {
		t.Fatal(err)
	}
}

// layout is an OCI layout that a test changes, as an attacker would.
type layout struct {
	t   *testing.T
	dir string
}

// copyLayout copies a layout. Blobs are links, so they are replaced, never
// written into.
func copyLayout(t *testing.T, from string) layout {
	t.Helper()
	l := layout{t, filepath.Join(t.TempDir(), "image")}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err == nil {
			link(t, path, filepath.Join(l.dir, name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// replace puts a new file in the place of another.
func (l layout) replace(name, content string) {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		l.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		l.t.Fatal(err)
	}
}

func blobName(digest string) string {
	return "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")
}

func (l layout) blob(digest string) string {
	l.t.Helper()
	return readFile(l.t, filepath.Join(l.dir, blobName(digest)))
}

// put adds a blob and points a descriptor to it.
func (l layout) put(d *image.Descriptor, content string) {
	l.t.Helper()
	d.Digest, d.Size = digestOf(content), int64(len(content))
	l.replace(blobName(d.Digest), content)
}

// manifest is an index or a manifest of an image.
type manifest struct {
	SchemaVersion int                `json:"schemaVersion"`
	MediaType     string             `json:"mediaType,omitempty"`
	ArtifactType  string             `json:"artifactType,omitempty"`
	Config        *image.Descriptor  `json:"config,omitempty"`
	Manifests     []image.Descriptor `json:"manifests,omitempty"`
	Layers        []image.Descriptor `json:"layers,omitempty"`
	Subject       *image.Descriptor  `json:"subject,omitempty"`
	Annotations   map[string]string  `json:"annotations,omitempty"`
}

func (l layout) index() manifest {
	l.t.Helper()
	return decode[manifest](l.t, readFile(l.t, filepath.Join(l.dir, "index.json")))
}

func (l layout) setIndex(m manifest) { l.replace("index.json", encode(l.t, m)) }

// entry finds the entry of index.json whose annotation "kind" ends so.
func (l layout) entry(m manifest, kind string) *image.Descriptor {
	l.t.Helper()
	for i, d := range m.Manifests {
		if strings.HasSuffix(d.Annotations["kind"], kind) {
			return &m.Manifests[i]
		}
	}
	l.t.Fatalf("index.json has no entry of kind %s", kind)
	return nil
}

func encode(t *testing.T, value any) string {
	t.Helper()
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
