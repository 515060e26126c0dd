package solve_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

func TestHoldsAsLongAsTheLayoutIsWhole(t *testing.T) {
	c := buildkit.Client(t)
	b := twoPlatforms(t)
	layout := t.TempDir()
	result, err := b.solve(t.Context(), c, layout)
	if err != nil {
		t.Fatal(err)
	}
	if !solve.Holds(layout, result) {
		t.Fatal("a fresh layout does not hold its image")
	}
	if solve.Holds(t.TempDir(), result) {
		t.Error("an empty layout holds an image")
	}
	t.Run("index.json is written anew", func(t *testing.T) {
		path := filepath.Join(layout, "index.json")
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		if !solve.Holds(layout, result) {
			t.Fatal("the image is gone")
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Errorf("index.json is %s, want %s", got, want)
		}
	})
	t.Run("damage", func(t *testing.T) { checkDamage(t, layout, result) })
}

// checkDamage damages one blob at a time: the layout must not hold then.
func checkDamage(t *testing.T, layout string, result *solve.Result) {
	blobs := filepath.Join(layout, "blobs", "sha256")
	entries, err := os.ReadDir(blobs)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		path := filepath.Join(blobs, e.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, damage := range map[string]func() error{
			"missing": func() error { return os.Remove(path) },
			"short":   func() error { return os.Truncate(path, int64(len(content)-1)) },
			"flipped": func() error { return flipped(path, content) },
		} {
			if name == "flipped" && content[0] != '{' {
				continue // the bytes of layers are read again by the facts stage
			}
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			if solve.Holds(layout, result) {
				t.Errorf("%s %s: the layout holds the image", name, e.Name())
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !solve.Holds(layout, result) {
		t.Error("the layout holds no image after its repair")
	}
}

func flipped(path string, content []byte) error {
	changed := bytes.Clone(content)
	changed[len(changed)-2] ^= 1
	return os.WriteFile(path, changed, 0o644)
}
