package builds_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/internal/testenv"
)

// littleMemory is what the program gets; its engine has its own.
const littleMemory = 512 << 20

// TestLittleMemory fetches, builds, judges and signs with half a gigabyte: the
// small manifest, or with all rounds of faults the wide one.
func TestLittleMemory(t *testing.T) {
	t.Setenv("COSIGN_PASSWORD", "little")
	w, want := littleOrWide(t)
	w.must(t, "keygen", "--output-key-prefix", filepath.Join(w.cache, "little"))
	program, err := builtProgram()
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Start(t.Context(), engine.Options{
		StateDir: filepath.Join(w.cache, "elsewhere"), Self: []string{program, engine.Subcommand}, Sink: progress.None(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Stop(); err != nil {
			t.Error(err)
		}
	}()
	cmd, said := w.command(t, "build", "m.yaml", "--buildkit-addr", e.Address, "-o", "oci:"+filepath.Join(w.cache, "image"),
		"--sign", "--key", filepath.Join(w.cache, "little.key"))
	peak := testenv.LimitMemory(t, cmd, littleMemory)
	out, err := cmd.Output()
	if digest := string(out); err != nil || want != "" && digest != want+"\n" {
		t.Errorf("with %d bytes of memory: %q, %v, want %q\n%s", littleMemory, digest, err, want, tail(said.String()))
	}
	t.Logf("used at most %s, cached files included", peak())
}

// littleOrWide makes the workplace of what is built, and says which digest it
// comes to; "" is not known.
func littleOrWide(t *testing.T) (workplace, string) {
	t.Helper()
	if !testenv.AllFaults() {
		built := reference(t)
		return built.fresh(t), built.digest
	}
	require(t)
	wide, err := os.ReadFile("../../../manifests/wide.yaml")
	if err != nil {
		t.Fatal(err)
	}
	w := workplace{dir: t.TempDir(), cache: t.TempDir()}
	w.write(t, "m.yaml", string(wide))
	w.must(t, "lock", "m.yaml")
	return w, ""
}
