package verify_test

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// descriptor is a content descriptor, as far as it leads to files.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// manifestFile is an index or a manifest.
type manifestFile struct {
	Manifests []descriptor `json:"manifests"`
	Config    descriptor   `json:"config"`
	Layers    []descriptor `json:"layers"`
}

func readManifest(t *testing.T, path string) manifestFile {
	t.Helper()
	var m manifestFile
	text, err := os.ReadFile(path)
	must(t, err)
	must(t, json.Unmarshal(text, &m))
	return m
}

// signedFiles are the files of a signed layout by what they are.
func signedFiles(t *testing.T, dir string) map[string]string {
	t.Helper()
	blob := func(d descriptor) string {
		return filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(d.Digest, "sha256:"))
	}
	files := map[string]string{"index.json": filepath.Join(dir, "index.json")}
	for _, d := range readManifest(t, files["index.json"]).Manifests {
		switch d.Annotations["kind"] {
		case "dev.cosignproject.cosign/sigs":
			files["manifest of signatures"] = blob(d)
			files["signature"] = blob(readManifest(t, blob(d)).Layers[0])
		case "dev.cosignproject.cosign/atts":
			files["manifest of statements"] = blob(d)
			statements := readManifest(t, blob(d)).Layers
			files["provenance"], files["SBOM"] = blob(statements[0]), blob(statements[1])
		default:
			files["image index"] = blob(d)
			platform := readManifest(t, blob(d)).Manifests[0]
			files["image manifest"] = blob(platform)
			m := readManifest(t, blob(platform))
			files["config"], files["layer"] = blob(m.Config), blob(m.Layers[len(m.Layers)-1])
		}
	}
	if len(files) != 10 {
		t.Fatalf("the layout has %d kinds of files: %v", len(files), files)
	}
	return files
}

// Whatever byte is changed, the answer is no. Only index.json is covered by no
// digest: what it says besides digests may change, and then the answer is
// about the very image that was signed.
func TestNoByteCanBeChanged(t *testing.T) {
	seed := testenv.Seed(t)
	good := newFixture(t)
	good.sign(t, "oci:"+good.dir)
	want, err := good.run(t, "oci:"+good.dir)
	must(t, err)
	for name := range signedFiles(t, good.dir) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(len(name))))
			dir := filepath.Join(t.TempDir(), "layout")
			must(t, os.CopyFS(dir, os.DirFS(good.dir)))
			path := signedFiles(t, dir)[name]
			content, err := os.ReadFile(path)
			must(t, err)
			for range testenv.Changes() {
				at, undo := testenv.ChangeByte(random, content)
				must(t, os.WriteFile(path, content, 0o644))
				report, err := good.run(t, "oci:"+dir)
				changed := content[at]
				undo()
				switch kind := fault.KindOf(err); {
				case kind == fault.Signature, kind == fault.Integrity, kind == fault.Usage && name == "index.json":
					continue
				}
				if err != nil || name != "index.json" {
					t.Fatalf("byte %d is %#x instead of %#x: %v", at, changed, content[at], err)
				}
				report.Ref = want.Ref
				if diff := cmp.Diff(marshal(t, want), marshal(t, report)); diff != "" {
					t.Fatalf("byte %d is %#x instead of %#x: another image passes (-want +got):\n%s", at, changed, content[at], diff)
				}
			}
		})
	}
}
