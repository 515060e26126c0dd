package builder

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/progress"
)

// cacheBuild adds a finished build of that age to the image cache and returns
// the names of its blobs. All builds have one layer in common.
func cacheBuild(t *testing.T, w *Workspace, n int, age time.Duration) map[string]bool {
	t.Helper()
	dir, err := w.makeImageDir(fmt.Sprintf("%032d", n))
	if err != nil {
		t.Fatal(err)
	}
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.File("common", "x")}},
		{Entries: []imagetest.Entry{imagetest.File("own", fmt.Sprint(n))}},
	}})
	if err := os.WriteFile(filepath.Join(dir, recordFile), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	when := time.Now().Add(-age)
	for _, name := range []string{recordFile, "."} {
		if err := os.Chtimes(filepath.Join(dir, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	used := map[string]bool{}
	if !(cachedBuild{dir: dir}).use(t.Context(), used) {
		t.Fatal("the build is not whole")
	}
	return used
}

func cacheBlobs(t *testing.T, w *Workspace) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(w.cache("images"), sharedBlobs, "sha256"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestTheNewestBuildsAreKept(t *testing.T) {
	w := &Workspace{CacheDir: t.TempDir(), Progress: progress.None(), Now: time.Now}
	want := map[string]bool{}
	for n := range 2 * keepBuilds {
		blobs := cacheBuild(t, w, n, time.Duration(n)*time.Hour)
		if n < keepBuilds {
			maps.Copy(want, blobs)
		}
	}
	half := filepath.Join(w.cache("images"), sharedBlobs, "sha256", ".incoming-1")
	if err := os.WriteFile(half, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.tidyImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(slices.Sorted(maps.Keys(want)), cacheBlobs(t, w)); d != "" {
		t.Error(d)
	}
	builds, err := w.cachedBuilds()
	if err != nil || len(builds) != keepBuilds {
		t.Fatalf("%d builds, %v", len(builds), err)
	}
	for _, b := range builds {
		img, err := image.Open(t.Context(), "oci:"+b.dir, image.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := img.Platforms()[0].Walk(t.Context(), func(image.Layer, image.Entry, io.Reader) error { return nil }); err != nil {
			t.Error(err)
		}
	}
}

func TestAnUnfinishedBuildIsRemoved(t *testing.T) {
	w := &Workspace{CacheDir: t.TempDir(), Progress: progress.None(), Now: time.Now}
	cacheBuild(t, w, 1, time.Hour)
	dir, err := w.makeImageDir(fmt.Sprintf("%032d", 2))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.tidyImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if len(cacheBlobs(t, w)) != 5 { // index, manifest, configuration, two layers
		t.Errorf("blobs %v", cacheBlobs(t, w))
	}
}

func TestNothingIsRemovedDuringABuild(t *testing.T) {
	w := &Workspace{CacheDir: t.TempDir(), Progress: progress.None(), Now: time.Now}
	release, err := w.shareImages()
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.shareImages() // builds run side by side
	if err != nil {
		t.Fatal(err)
	}
	second()
	dir, err := w.makeImageDir(fmt.Sprintf("%032d", 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.tidyImages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err != nil {
		t.Error(err)
	}
	release()
	f, err := w.lockImages(unix.LOCK_EX | unix.LOCK_NB)
	if err != nil {
		t.Fatal("the lock outlives the builds: ", err)
	}
	defer f.Close()
}
