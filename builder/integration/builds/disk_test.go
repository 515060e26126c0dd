package builds_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

// diskFull is the exit code where no space is left.
const diskFull = 22

// TestFullDisks fills the disks that a build writes to, in ten places. What it
// has written by then is no result, and with more space the same command makes
// the same image.
func TestFullDisks(t *testing.T) {
	built := reference(t)
	t.Run("cache", func(t *testing.T) { fillCache(t, built) })
	t.Run("layout", func(t *testing.T) { fillOutput(t, built, "oci:", "out/index.json") })
	t.Run("archive", func(t *testing.T) { fillOutput(t, built, "tar:", "out") })
	t.Run("archive for docker", func(t *testing.T) { fillOutput(t, built, "docker:", "out") })
	t.Run("temporary files", func(t *testing.T) { fillTemporary(t, built.workplace, "sbom", "oci:image") })
}

// fillCache gives a cache more and more space, from hardly more than what is
// fetched to hardly less than all that a build needs.
func fillCache(t *testing.T, built *builtImage) {
	fetched := sizeOf(t, filepath.Join(built.cache, "blobs"))
	all := sizeOf(t, built.cache)
	disk := testenv.SmallDisk(t, kilobytes(fetched+1<<20))
	w := workplace{dir: built.dir, cache: filepath.Join(disk, "cache")}
	if err := os.CopyFS(filepath.Join(w.cache, "blobs"), os.DirFS(filepath.Join(built.cache, "blobs"))); err != nil {
		t.Fatal(err)
	}
	for _, percent := range []int64{2, 15, 35, 60, 80, 90} {
		testenv.GrowDisk(t, disk, kilobytes(fetched+(all-fetched)*percent/100))
		code, stdout, stderr := w.run(t, "build", "m.yaml", "-o", "oci:filled")
		if code != diskFull || stdout != "" || !strings.Contains(stderr, "hint: ") {
			t.Errorf("with %d %% of the space: exit code %d, want %d\n%s%s", percent, code, diskFull, stdout, tail(stderr))
		}
		if _, err := os.Stat(filepath.Join(w.dir, "filled")); err == nil {
			t.Errorf("with %d %% of the space, an image was handed out", percent)
		}
		nothingLeft(t, w.cache)
	}
	testenv.GrowDisk(t, disk, kilobytes(all*2))
	if got := w.build(t, "m.yaml"); got != built.digest {
		t.Errorf("%s after the disk was full, %s without", got, built.digest)
	}
}

// fillOutput hands a finished image out to a disk with half of the space.
func fillOutput(t *testing.T, built *builtImage, kind, result string) {
	size := sizeOf(t, filepath.Join(built.dir, "image"))
	disk := testenv.SmallDisk(t, kilobytes(size/2))
	args := []string{"build", "m.yaml", "-o", kind + filepath.Join(disk, "out")}
	code, stdout, stderr := built.run(t, args...)
	if code != diskFull || stdout != "" {
		t.Errorf("exit code %d, want %d\n%s%s", code, diskFull, stdout, tail(stderr))
	}
	if _, err := os.Stat(filepath.Join(disk, result)); err == nil {
		t.Errorf("%s is there", result)
	}
	testenv.GrowDisk(t, disk, kilobytes(size*8)) // some archives hold layers uncompressed
	if got := built.must(t, args...); got != built.digest {
		t.Errorf("%s after the disk was full, %s without", got, built.digest)
	}
	if _, err := os.Stat(filepath.Join(disk, result)); err != nil {
		t.Error(err)
	}
}

// fillTemporary runs a command that finds no space for temporary files, and
// then does.
func fillTemporary(t *testing.T, w workplace, args ...string) {
	t.Helper()
	cmd, said := w.command(t, args...)
	cmd.Env = append(os.Environ(), "TMPDIR="+testenv.SmallDisk(t, "4k,nr_inodes=1"))
	if out, err := cmd.Output(); cmd.ProcessState.ExitCode() != diskFull || len(out) > 0 {
		t.Errorf("%v, want exit code %d\n%.100s%s", err, diskFull, out, tail(said.String()))
	}
	w.must(t, args...)
}

func kilobytes(size int64) string { return fmt.Sprintf("%dk", size>>10) }

// sizeOf adds up what the files of a folder take on the disk, each once.
func sizeOf(t *testing.T, dir string) int64 {
	t.Helper()
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			size += (info.Size() + 4095) &^ 4095
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
