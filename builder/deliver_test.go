package builder

import (
	"net/http"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
)

// The tag comes last: whoever reads it finds the signatures as well.
func TestTheTagComesAfterTheSignatures(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, filepath.Join(dir, "image"), imagetest.Image{Layers: []imagetest.Layer{{Entries: []imagetest.Entry{imagetest.File("a", "b")}}}})
	img, err := image.Open(t.Context(), "oci:"+filepath.Join(dir, "image"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := attest.Keygen(filepath.Join(dir, "cosign"), nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := attest.NewSigner(t.Context(), attest.SignerOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var put []string // tags, and digests of manifests
	registry := testenv.Proxy(t, testenv.Registry(t), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
				mu.Lock()
				put = append(put, path.Base(r.URL.Path))
				mu.Unlock()
			}
			next.ServeHTTP(w, r)
		})
	})
	w := Workspace{Progress: progress.None()}
	pushed, err := w.deliver(t.Context(), BuildRequest{Manifest: &manifest.Manifest{Name: "a"}, Tag: registry + "/a:v1", Push: true, Signer: signer}, img, nil)
	if err != nil {
		t.Fatal(err)
	}
	signature := strings.Replace(img.Digest(), ":", "-", 1) + ".sig"
	if n := len(put); n < 3 || !slices.Contains(put[:n-2], img.Digest()) || put[n-1] != "v1" || put[n-2] != signature || !strings.HasSuffix(pushed, "@"+img.Digest()) {
		t.Errorf("manifests in the order %v, want the image, its signature %s, the tag", put, signature)
	}
}
