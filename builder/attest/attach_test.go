package attest_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/attest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/internal/testenv"
)

// places runs a test for a layout and for a registry, each with an image.
func places(t *testing.T, test func(t *testing.T, ref string)) {
	t.Run("layout", func(t *testing.T) {
		test(t, "oci:"+writeLayout(t))
	})
	t.Run("registry", func(t *testing.T) {
		test(t, push(t, testenv.Registry(t)))
	})
}

func typesOf(all []attest.Statement) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.PredicateType)
	}
	return names
}

func TestAttachedStatementsAreFoundAgain(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, ref string) {
		private, public := keyPair(t)
		target := open(t, ref)
		want := statements(t, target.Digest())
		if err := attest.Attach(t.Context(), target, signer(t, private), want); err != nil {
			t.Fatal(err)
		}
		checked, err := attest.Check(t.Context(), open(t, ref), trust(t, public))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, checked.Statements); diff != "" {
			t.Errorf("statements (-want +got):\n%s", diff)
		}
		if checked.Foreign != 0 || checked.Digest != target.Digest() {
			t.Errorf("foreign %d, digest %s", checked.Foreign, checked.Digest)
		}
	})
}

func TestSigningTwiceChangesNothing(t *testing.T) {
	t.Parallel()
	dir := writeLayout(t)
	private, _ := keyPair(t)
	var before []string
	for i := range 2 {
		target := open(t, "oci:"+dir)
		if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
			t.Fatal(err)
		}
		files := listing(t, dir)
		if i == 1 {
			if diff := cmp.Diff(before, files); diff != "" {
				t.Errorf("files of the layout (-first +second):\n%s", diff)
			}
		}
		before = files
	}
}

// A statement with other content takes the place of the signer's old one, and
// what nothing refers to any more is gone.
func TestNewStatementReplacesTheOld(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, ref string) {
		private, public := keyPair(t)
		target := open(t, ref)
		s := signer(t, private)
		if err := attest.Attach(t.Context(), target, s, statements(t, target.Digest())); err != nil {
			t.Fatal(err)
		}
		changed := build(target.Digest())
		changed.Tool = "0.2.0"
		want, err := attest.Make(changed)
		if err != nil {
			t.Fatal(err)
		}
		if err := attest.Attach(t.Context(), target, s, want); err != nil {
			t.Fatal(err)
		}
		checked, err := attest.Check(t.Context(), open(t, ref), trust(t, public))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, checked.Statements); diff != "" {
			t.Errorf("statements (-want +got):\n%s", diff)
		}
		if dir, ok := strings.CutPrefix(ref, "oci:"); ok && len(readIndex(t, dir).Manifests) != 3 {
			t.Errorf("index.json has %d entries, want image, signatures and attestations", len(readIndex(t, dir).Manifests))
		}
	})
}

func TestOtherSignersWorkStays(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, ref string) {
		target := open(t, ref)
		var keys []string
		for _, pair := range []func(*testing.T) (string, string){keyPair, otherPair} {
			private, public := pair(t)
			keys = append(keys, public)
			if err := attest.Attach(t.Context(), target, signer(t, private), statements(t, target.Digest())); err != nil {
				t.Fatal(err)
			}
		}
		for _, key := range keys {
			checked, err := attest.Check(t.Context(), target, trust(t, key))
			if err != nil {
				t.Fatal(err)
			}
			if len(checked.Statements) != 5 || checked.Foreign != 6 {
				t.Errorf("%d statements and %d foreign records, want 5 and 6", len(checked.Statements), checked.Foreign)
			}
		}
	})
}

func TestOneMoreStatementIsAdded(t *testing.T) {
	t.Parallel()
	places(t, func(t *testing.T, ref string) {
		private, public := keyPair(t)
		target := open(t, ref)
		all := statements(t, target.Digest())
		for _, part := range [][]attest.Statement{all[:1], all[1:2]} {
			if err := attest.Attach(t.Context(), target, signer(t, private), part); err != nil {
				t.Fatal(err)
			}
		}
		checked, err := attest.Check(t.Context(), target, trust(t, public))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(typesOf(all[:2]), typesOf(checked.Statements)); diff != "" {
			t.Errorf("types (-want +got):\n%s", diff)
		}
	})
}

func TestStatementAboutAnotherImageIsNotSigned(t *testing.T) {
	t.Parallel()
	private, public := keyPair(t)
	target := open(t, "oci:"+writeLayout(t))
	err := attest.Attach(t.Context(), target, signer(t, private), statements(t, "sha256:"+hex64("f")))
	if !fault.Is(err, fault.Usage) {
		t.Errorf("error = %v, want usage", err)
	}
	if _, err := attest.Check(t.Context(), target, trust(t, public)); !fault.Is(err, fault.Signature) {
		t.Errorf("error = %v: something was stored", err)
	}
}

func TestOpeningWhatIsNotThere(t *testing.T) {
	t.Parallel()
	tests := map[string]fault.Kind{
		"oci:" + t.TempDir():            fault.Usage,
		"oci:" + writeLayout(t) + ":v2": fault.Usage,
		"UPPER CASE":                    fault.Usage,
		"127.0.0.1:1/team/locked:v1":    fault.Network,
	}
	for ref, want := range tests {
		if _, err := attest.Open(t.Context(), ref, attest.Options{}); fault.KindOf(err) != want {
			t.Errorf("opening %s: %v, want %v", ref, err, want)
		}
	}
}

// listing names every file of a directory with its content.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files = append(files, path+" "+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	return files
}
