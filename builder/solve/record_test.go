package solve_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/internal/testenv/buildkit"
	"github.com/lockforge/lockforge/builder/solve"
)

func TestARecordHoldsAsLongAsTheLayoutDoes(t *testing.T) {
	c := buildkit.Client(t)
	b := twoPlatforms(t)
	records := solve.Records{Dir: t.TempDir(), Layout: t.TempDir()}
	result, err := b.solve(t.Context(), c, records.Layout)
	if err != nil {
		t.Fatal(err)
	}
	key := solve.Key([]byte("manifest"), []byte("lock"))
	saved := &solve.Record{Result: result, Provenance: result.Provenance, Proofs: []solve.Proof{{Plugin: "mysql", Outcome: solve.Passed}}}
	if err := records.Save(key, saved); err != nil {
		t.Fatal(err)
	}
	got, err := records.Load(key)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(saved, got); d != "" {
		t.Error(d)
	}
	if other, err := records.Load(solve.Key([]byte("manifest"), []byte("another lock"))); other != nil || err != nil {
		t.Errorf("another lock has the record %v, %v", other, err)
	}
	t.Run("index.json is written anew", func(t *testing.T) {
		path := filepath.Join(records.Layout, "index.json")
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
			t.Fatal(err)
		}
		if rec, err := records.Load(key); rec == nil || err != nil {
			t.Fatalf("the record is gone: %v", err)
		}
		if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
			t.Errorf("index.json is %s, want %s", got, want)
		}
	})
	t.Run("damage", func(t *testing.T) { checkDamage(t, records, key) })
}

// checkDamage damages one blob at a time: no record may hold then.
func checkDamage(t *testing.T, records solve.Records, key string) {
	blobs := filepath.Join(records.Layout, "blobs", "sha256")
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
			if rec, err := records.Load(key); rec != nil || err != nil {
				t.Errorf("%s %s: the record holds (%v)", name, e.Name(), err)
			}
			if err := os.WriteFile(path, content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rec, err := records.Load(key); rec == nil || err != nil {
		t.Errorf("after repair: no record, %v", err)
	}
}

func flipped(path string, content []byte) error {
	changed := bytes.Clone(content)
	changed[len(changed)-2] ^= 1
	return os.WriteFile(path, changed, 0o644)
}

func TestATornRecordIsNone(t *testing.T) {
	records := solve.Records{Dir: t.TempDir(), Layout: t.TempDir()}
	for _, content := range []string{"", "{", "null", `{"result":{"digest":"../../etc"}}`} {
		if err := os.WriteFile(filepath.Join(records.Dir, "k.json"), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if rec, err := records.Load("k"); rec != nil || err != nil {
			t.Errorf("%q: %v, %v", content, rec, err)
		}
	}
}

func TestKeysOfDifferentPartsDiffer(t *testing.T) {
	a, b := solve.Key([]byte("ab"), []byte("c")), solve.Key([]byte("a"), []byte("bc"))
	if a == b {
		t.Error("moving a byte from one part to the next keeps the key")
	}
}
