package image_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

func collect(img *image.Image) ([]string, error) {
	var paths []string
	for _, p := range img.Platforms() {
		err := p.Walk(context.Background(), func(l image.Layer, e image.Entry, r io.Reader) error {
			b, err := io.ReadAll(r)
			paths = append(paths, p.Name()+" "+e.Path+" "+string(b))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return paths, nil
}

func composed(t testing.TB) *image.Image {
	t.Helper()
	dir := t.TempDir()
	twoPlatforms(t, dir)
	img, err := image.Compose(open(t, "oci:"+dir).Platforms())
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func TestWritesReadBackTheSame(t *testing.T) {
	ctx := context.Background()
	img := composed(t)
	want, err := collect(img)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	dir := t.TempDir()
	ref := strings.TrimPrefix(server.URL, "http://") + "/team/app"
	if err := image.WriteLayout(ctx, filepath.Join(dir, "oci"), img, "v1"); err != nil {
		t.Fatal(err)
	}
	if err := image.WriteTar(ctx, filepath.Join(dir, "image.tar"), img, "v1"); err != nil {
		t.Fatal(err)
	}
	pinned, err := image.Push(ctx, img, ref+":v1", image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if pinned != ref+"@"+img.Digest() {
		t.Errorf("pushed %s", pinned)
	}
	for _, place := range []string{"oci:" + dir + "/oci", "oci:" + dir + "/oci:v1", "tar:" + dir + "/image.tar", ref + ":v1", pinned} {
		back := open(t, place)
		if back.Digest() != img.Digest() {
			t.Errorf("%s: digest %s, want %s", place, back.Digest(), img.Digest())
		}
		got, err := collect(back)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", place, diff)
		}
	}
	p, err := img.Platform("linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if err := image.WriteDocker(ctx, dir+"/docker.tar", p, "app:v1"); err != nil {
		t.Fatal(err)
	}
	got, err := collect(open(t, "tar:"+dir+"/docker.tar"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[:2], got); diff != "" {
		t.Errorf("docker archive (-want +got):\n%s", diff)
	}
}

func TestComposeAndWriteTarAreDeterministic(t *testing.T) {
	img := composed(t)
	ps := img.Platforms()
	again, err := image.Compose([]*image.Platform{ps[1], ps[0]})
	if err != nil {
		t.Fatal(err)
	}
	if again.Digest() != img.Digest() {
		t.Errorf("the order of platforms matters: %s, %s", again.Digest(), img.Digest())
	}
	if _, err := image.Compose([]*image.Platform{ps[0], ps[0]}); !fault.Is(err, fault.Usage) {
		t.Errorf("the same platform twice: %v", err)
	}
	var files [2][]byte
	for n := range files {
		file := filepath.Join(t.TempDir(), "image.tar")
		if err := image.WriteTar(context.Background(), file, again, "v1"); err != nil {
			t.Fatal(err)
		}
		if files[n], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two archives of one image differ")
	}
}

func TestWriteLayoutCopiesOnlyWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	img := composed(t)
	dir := t.TempDir()
	if err := image.WriteLayout(ctx, dir, img, "v1"); err != nil {
		t.Fatal(err)
	}
	before := inodes(t, dir)
	signed := map[string]any{"mediaType": image.MediaTypeManifest, "digest": "sha256:1", "size": 1, "annotations": map[string]string{"kind": "dev.cosignproject.cosign/sigs"}}
	imagetest.WriteIndex(t, dir, map[string]any{"mediaType": image.MediaTypeIndex, "digest": img.Digest(), "size": img.Descriptor().Size,
		"annotations": map[string]string{image.AnnotationRefName: "v1"}}, signed)
	if err := image.WriteLayout(ctx, dir, img, "v1"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, inodes(t, dir)); diff != "" {
		t.Errorf("blobs were written again:\n%s", diff)
	}
	if raw, _ := os.ReadFile(filepath.Join(dir, "index.json")); !bytes.Contains(raw, []byte("cosign/sigs")) {
		t.Error("writing the same image again dropped its signatures")
	}
	other := t.TempDir()
	imagetest.Layout(t, other, imagetest.Image{})
	if err := image.WriteLayout(ctx, dir, open(t, "oci:"+other), "v1"); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(raw, []byte("cosign/sigs")) || bytes.Contains(raw, []byte(img.Digest())) {
		t.Errorf("the earlier image of that name is still listed: %s", raw)
	}
	if err := image.WriteLayout(ctx, dir, img, "v2"); err != nil {
		t.Fatal(err)
	}
	if got := open(t, "oci:"+dir+":v2").Digest(); got != img.Digest() {
		t.Errorf("v2 is %s", got)
	}
	if _, err := image.Open(ctx, "oci:"+dir, image.Options{}); !fault.Is(err, fault.Usage) {
		t.Errorf("two images, none named: %v", err)
	}
}

func inodes(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	blobs, err := os.ReadDir(filepath.Join(dir, "blobs", "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range blobs {
		info, err := b.Info()
		if err != nil {
			t.Fatal(err)
		}
		found[b.Name()] = info.ModTime().String()
	}
	return found
}

// flaky is a registry that fails the first n requests of a method and notes
// the order of manifests.
type flaky struct {
	http.Handler
	mu        sync.Mutex
	fail      int
	status    int
	manifests []string
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	failing := r.Method == http.MethodPut && f.fail > 0
	if failing {
		f.fail--
	}
	if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") && !failing {
		f.manifests = append(f.manifests, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
	}
	f.mu.Unlock()
	if failing {
		w.WriteHeader(f.status)
		return
	}
	f.Handler.ServeHTTP(w, r)
}

func TestPushRetriesAndTagsLast(t *testing.T) {
	h := &flaky{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0))), fail: 1, status: http.StatusServiceUnavailable}
	server := httptest.NewServer(h)
	defer server.Close()
	img := composed(t)
	if _, err := image.Push(context.Background(), img, strings.TrimPrefix(server.URL, "http://")+"/a:v1", image.Options{}); err != nil {
		t.Fatal(err)
	}
	n := len(h.manifests)
	if n != 4 || h.manifests[n-1] != "v1" || h.manifests[n-2] != img.Digest() {
		t.Errorf("manifests in the order %v, want the platforms, the index, the tag", h.manifests)
	}
}

func TestPushFails(t *testing.T) {
	img := composed(t)
	for _, tc := range []struct {
		name   string
		status int
		ref    string
		kind   fault.Kind
	}{
		{"forbidden", http.StatusForbidden, "/a:v1", fault.Network},
		{"unauthorized", http.StatusUnauthorized, "/a:v1", fault.Network},
		{"another digest", http.StatusOK, "/a@sha256:" + strings.Repeat("0", 64), fault.Usage},
		{"no reference", http.StatusOK, "/A B", fault.Usage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(tc.status) }))
			defer server.Close()
			_, err := image.Push(context.Background(), img, strings.TrimPrefix(server.URL, "http://")+tc.ref, image.Options{Attempts: 1})
			if !fault.Is(err, tc.kind) {
				t.Errorf("got %v, want kind %v", err, tc.kind)
			}
		})
	}
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	if _, err := image.Open(context.Background(), strings.TrimPrefix(server.URL, "http://")+"/a:v1", image.Options{Attempts: 1}); !fault.Is(err, fault.Network) {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestCredentialsStayOutOfErrors(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	var sent string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a := r.Header.Get("Authorization"); a != "" {
			sent = a
			w.WriteHeader(http.StatusForbidden)
			io.WriteString(w, `{"errors":[{"code":"DENIED","message":"`+a+` may not"}]}`)
			return
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	const auth = "dXNlcjpzM2NyM3Q=" // user:s3cr3t
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(`{"auths":{"`+host+`":{"auth":"`+auth+`"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := image.Open(context.Background(), host+"/a:v1", image.Options{Attempts: 1})
	if !fault.Is(err, fault.Network) {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(sent, auth) {
		t.Errorf("the docker configuration was not used: %q", sent)
	}
	if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), auth) {
		t.Errorf("the error holds credentials: %v", err)
	}
}

func TestPushRefusesATamperedBlob(t *testing.T) {
	dir := t.TempDir()
	twoPlatforms(t, dir)
	img := open(t, "oci:"+dir)
	layer := filepath.Join(dir, "blobs", "sha256", img.Platforms()[0].Layers()[0].Digest[7:])
	raw, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(layer, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	defer server.Close()
	ctx := context.Background()
	if _, err := image.Push(ctx, img, strings.TrimPrefix(server.URL, "http://")+"/a:v1", image.Options{Attempts: 1}); !fault.Is(err, fault.Integrity) {
		t.Errorf("push: %v, want an integrity fault", err)
	}
	out := t.TempDir()
	if err := image.WriteLayout(ctx, out, img, ""); !fault.Is(err, fault.Integrity) {
		t.Errorf("layout: %v, want an integrity fault", err)
	}
	if _, err := os.Stat(filepath.Join(out, "index.json")); err == nil {
		t.Error("an index was written for an incomplete layout")
	}
	if err := image.WriteTar(ctx, filepath.Join(out, "x.tar"), img, ""); !fault.Is(err, fault.Integrity) {
		t.Errorf("archive: %v, want an integrity fault", err)
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*tmp*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}
