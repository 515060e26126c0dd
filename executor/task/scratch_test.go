package task_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/executor/task"
)

// hostile fills a directory with what a child might leave to keep it.
func hostile(t *testing.T, dir, outside string) {
	t.Helper()
	deep := filepath.Join(dir, strings.Repeat("d/", 300)+"e")
	must(t, os.MkdirAll(deep, 0o700))
	must(t, os.WriteFile(filepath.Join(deep, "file"), []byte("x"), 0o000))
	must(t, os.Symlink(outside, filepath.Join(dir, "link")))
	must(t, os.Symlink(outside, filepath.Join(dir, "d", "link")))
	must(t, os.Link(filepath.Join(outside, "kept"), filepath.Join(dir, "d", "hard")))
	must(t, syscall.Mkfifo(filepath.Join(dir, "d", "fifo"), 0o600))
	must(t, os.MkdirAll(filepath.Join(dir, "lifted-1", "full"), 0o700))
	must(t, os.MkdirAll(filepath.Join(dir, "d", "closed", "inner", "more"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "d", "closed", "inner", "more", "\xff -rf"), nil, 0o600))
	must(t, os.Chmod(filepath.Join(dir, "d", "closed", "inner"), 0))
	must(t, os.Chmod(filepath.Join(dir, "d", "closed"), 0))
	for i := range 3000 {
		must(t, os.WriteFile(filepath.Join(dir, "d", fmt.Sprint(i)), nil, 0o600))
	}
	must(t, os.Chmod(dir, 0))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// removerMain removes a directory with few descriptors, as a user without privileges.
func removerMain(dir string) int {
	few := syscall.Rlimit{Cur: 32, Max: 32}
	if err := errors.Join(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few), task.Remove(dir)); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestRemoveTakesWhateverAChildLeft(t *testing.T) {
	for _, as := range []string{"root", "another user"} {
		t.Run(as, func(t *testing.T) {
			base, err := os.MkdirTemp("/tmp", "remove-")
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(base) })
			dir, outside := filepath.Join(base, "run"), filepath.Join(base, "outside")
			must(t, os.MkdirAll(outside, 0o755))
			must(t, os.WriteFile(filepath.Join(outside, "kept"), []byte("kept"), 0o600))
			must(t, os.Mkdir(dir, 0o700))
			hostile(t, dir, outside)
			cmd := exec.Command(ownCopy(t), asRemover, dir)
			if as != "root" {
				if os.Geteuid() != 0 {
					lacks(t, "only root can become somebody else")
				}
				must(t, exec.Command("chown", "-hR", "65534:65534", base).Run())
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the directory is still there: %v", err)
			}
			if content, err := os.ReadFile(filepath.Join(outside, "kept")); string(content) != "kept" {
				t.Errorf("a file outside is gone: %v", err)
			}
		})
	}
}

func TestRemoveTakesALinkForALink(t *testing.T) {
	outside, link := t.TempDir(), filepath.Join(t.TempDir(), "run")
	must(t, os.WriteFile(filepath.Join(outside, "kept"), nil, 0o600))
	must(t, os.Symlink(outside, link))
	must(t, task.Remove(link))
	must(t, task.Remove(link)) // not there any more
	if _, err := os.Stat(filepath.Join(outside, "kept")); err != nil {
		t.Error(err)
	}
}
