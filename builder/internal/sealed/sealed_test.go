package sealed_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/internal/limitio"
	"github.com/lockforge/lockforge/builder/internal/sealed"
	"github.com/lockforge/lockforge/internal/testenv"
)

func TestNoByteOfAFileCanBeChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "x.json")
	want := map[string]string{"a": "b", "sha256": "0123456789abcdef"}
	var got map[string]string
	if err := sealed.Read(path, 1000, &got); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a file that is not there: %v", err)
	}
	if err := sealed.Write(path, want); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(testenv.Seed(t), 0))
	for range testenv.Changes() {
		at, undo := testenv.ChangeByte(random, content)
		rewrite(t, path, content)
		if err := sealed.Read(path, 1000, &got); !errors.Is(err, sealed.ErrBroken) {
			t.Fatalf("byte %d: %v", at, err)
		}
		undo()
	}
	for name, other := range map[string][]byte{"empty": {}, "short": content[:len(content)-1], "long": append(bytes.Clone(content), ' ')} {
		rewrite(t, path, other)
		if err := sealed.Read(path, 1000, &got); !errors.Is(err, sealed.ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	rewrite(t, path, content)
	if err := sealed.Read(path, 10, &got); !errors.Is(err, limitio.ErrTooLarge) {
		t.Errorf("more than the limit: %v", err)
	}
	if err := sealed.Read(path, 1000, &got); err != nil || len(got) != len(want) {
		t.Errorf("whole again: %v, %v", got, err)
	}
	if left, _ := filepath.Glob(filepath.Dir(path) + "/.new-*"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func rewrite(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
