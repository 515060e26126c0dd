package manifest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
)

// FuzzLoad feeds arbitrary text: nothing may panic or take long, every refusal
// is a manifest fault, and what is accepted is written and read back alike.
func FuzzLoad(f *testing.F) {
	for _, text := range []string{full, envText, sameAsEnv} {
		f.Add(text)
	}
	names, err := filepath.Glob(evilDir + "/*.*")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !roundTrip(t, text, false) {
			if _, err := load(text); !fault.Is(err, fault.Manifest) {
				t.Errorf("refused with %v", err)
			}
		}
	})
}
