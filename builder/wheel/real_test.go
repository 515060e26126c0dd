package wheel_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestRealWheels reads every wheel of the folder $LOCKFORGE_WHEELS: strictness
// that real wheels do not survive would be of no use.
func TestRealWheels(t *testing.T) {
	files, _ := testenv.Wheels(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			w, err := wheel.Open(f, info.Size(), filepath.Base(file))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Verify(); err != nil {
				t.Error(err)
			}
		})
	}
}
