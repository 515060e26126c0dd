package attest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/registry"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
)

// What one check may cost, whatever it is shown.
const (
	mostTime  = 5 * time.Second
	mostBytes = 256 << 20 // of all that is allocated, so at any one time less
)

const (
	gigabyte = 1 << 30
	crowd    = 10_000 // of referrers
)

// bounded wants a check to refuse, and to do so soon and with little memory.
func bounded(t *testing.T, check func() error) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	err := check()
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if kind := fault.KindOf(err); kind != fault.Signature && kind != fault.Integrity && kind != fault.Network {
		t.Errorf("error = %v, want a signature, integrity or network fault", err)
	}
	if bytes := after.TotalAlloc - before.TotalAlloc; took > mostTime || bytes > mostBytes {
		t.Errorf("it took %s and %d MiB", took, bytes>>20)
	}
}

// sparse makes a file of a gigabyte that takes no disk.
func sparse(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(gigabyte); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestHugeLayoutsAreRefusedSoon(t *testing.T) {
	private, public := keyPair(t)
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"1 GB SBOM": func(t *testing.T, dir string) {
			editCarrier(t, dir, "atts", func(c *carrier) {
				c.Layers[1]["size"] = gigabyte
				sparse(t, blobPath(dir, c.Layers[1]["digest"].(string)))
			})
		},
		"1 GB SBOM that says it is small": func(t *testing.T, dir string) {
			editCarrier(t, dir, "atts", func(c *carrier) { sparse(t, blobPath(dir, c.Layers[1]["digest"].(string))) })
		},
		"1 GB in pieces that are each allowed": func(t *testing.T, dir string) {
			editCarrier(t, dir, "atts", func(c *carrier) {
				for n := range gigabyte / attest.MaxRecordBytes {
					digest := fmt.Sprintf("sha256:%064x", n)
					sparse(t, blobPath(dir, digest))
					c.Layers = append(c.Layers, map[string]any{"mediaType": c.Layers[0]["mediaType"], "digest": digest, "size": attest.MaxRecordBytes})
				}
			})
		},
		"1 GB manifest of statements": func(t *testing.T, dir string) {
			for _, d := range readIndex(t, dir).Manifests {
				if annotations, _ := d["annotations"].(map[string]any); annotations["kind"] == "dev.cosignproject.cosign/atts" {
					sparse(t, blobPath(dir, d["digest"].(string)))
				}
			}
		},
		"1 GB index.json": func(t *testing.T, dir string) { sparse(t, filepath.Join(dir, "index.json")) },
		"10,000 referrers": func(t *testing.T, dir string) {
			index := readIndex(t, dir)
			for n := range crowd {
				content := fmt.Appendf(nil, `{"schemaVersion":2,"layers":[],"annotations":{"n":"%d"}}`, n)
				index.Manifests = append(index.Manifests, map[string]any{
					"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": put(t, dir, content), "size": len(content),
					"annotations": map[string]string{"kind": "dev.cosignproject.cosign/atts"},
				})
			}
			text, err := json.Marshal(index)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "index.json"), text, 0o644); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := signedLayout(t, private)
			spoil(t, dir)
			bounded(t, func() error {
				target, err := attest.Open(t.Context(), "oci:"+dir, attest.Options{})
				if err == nil {
					_, err = attest.Check(t.Context(), target, trust(t, public))
				}
				return err
			})
		})
	}
}

// endless is a body that never ends.
func endless(w http.ResponseWriter, start string) {
	_, _ = io.WriteString(w, start)
	spaces := []byte(strings.Repeat(" ", 1<<16))
	for {
		if _, err := w.Write(spaces); err != nil {
			return // the client has had enough
		}
	}
}

// referrerList lists n bundles.
func referrerList(n int) []byte {
	var list []map[string]any
	for i := range n {
		list = append(list, map[string]any{
			"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": fmt.Sprintf("sha256:%064x", i), "size": 2,
			"artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
		})
	}
	text, _ := json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": list})
	return text
}

func TestHostileRegistriesAreRefusedSoon(t *testing.T) {
	private, public := keyPair(t)
	const indexType = "application/vnd.oci.image.index.v1+json"
	for name, tt := range map[string]struct {
		part   string // of the paths that are answered otherwise
		answer func(w http.ResponseWriter)
	}{
		"10,000 referrers": {"/referrers/", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", indexType)
			_, _ = w.Write(referrerList(crowd))
		}},
		"a list of referrers without end": {"/referrers/", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", indexType)
			endless(w, `{"schemaVersion":2,`)
		}},
		"records without end": {"/blobs/", func(w http.ResponseWriter) { endless(w, "{") }},
	} {
		t.Run(name, func(t *testing.T) {
			good := registry.New(registry.WithReferrersSupport(true), registry.Logger(log.New(io.Discard, "", 0)))
			hostile := false
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if hostile && strings.Contains(r.URL.Path, tt.part) {
					tt.answer(w)
					return
				}
				good.ServeHTTP(w, r)
			}))
			defer server.Close()
			ref := push(t, strings.TrimPrefix(server.URL, "http://"))
			attach(t, ref, signer(t, private))
			if _, err := attest.Check(t.Context(), open(t, ref), trust(t, public)); err != nil {
				t.Fatalf("before it was hostile: %v", err)
			}
			hostile = true
			target := open(t, ref)
			bounded(t, func() error {
				_, err := attest.Check(t.Context(), target, trust(t, public))
				return err
			})
		})
	}
}
