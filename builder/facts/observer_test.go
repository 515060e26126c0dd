package facts_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
)

func TestObserversReadEveryByteOfEveryLayer(t *testing.T) {
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{Layers: []imagetest.Layer{
		{Entries: []imagetest.Entry{imagetest.Dir("a"), imagetest.File("a/x", "below"), imagetest.Link("a/l", "x")}},
		{Entries: []imagetest.Entry{imagetest.File("a/x", "#!above"), imagetest.File("a/.wh.l", "")}},
	}})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	got := map[string]int{}
	f, err := facts.Collect(context.Background(), img.Platforms()[0], func(e facts.Entry, content io.ReaderAt) error {
		key := string(e.Type) + " " + e.Path
		if content != nil {
			b := make([]byte, e.Size+1)
			n, err := content.ReadAt(b, 0)
			if err != io.EOF {
				return errors.New("more bytes than the entry has")
			}
			key += " " + string(b[:n])
		}
		mu.Lock()
		defer mu.Unlock()
		got[key]++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"dir a": 1, "file a/x below": 1, "symlink a/l": 1, "file a/x #!above": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("seen (-want +got):\n%s", diff)
	}
	seen := f.Visible()
	if e := seen.Get("a/x"); e == nil || e.Layer != 1 || seen.Get("a/l") != nil {
		t.Errorf("visible are %v", seen.Paths())
	}
	stop := errors.New("enough")
	if _, err := facts.Collect(context.Background(), img.Platforms()[0], func(facts.Entry, io.ReaderAt) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("an observer's error became %v", err)
	}
}
