package builds_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// engineDown is the exit code where no build engine can be used.
const engineDown = 21

// TestMachinesThatCannotBuild says what is missing, and what to do.
func TestMachinesThatCannotBuild(t *testing.T) {
	w := locked(t, small)
	for _, c := range []struct {
		name, hint string
		args       []string
		path       string // "" is the test's own
		uid        uint32
	}{
		{name: "not root", hint: "run as root", uid: 65534},
		{name: "no runc", hint: "install runc", path: "/nonexistent"},
		{name: "engine unreachable", hint: "--buildkit-addr", args: []string{"--buildkit-addr", "tcp://127.0.0.1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.uid != 0 {
				giveAway(t, w, int(c.uid))
				defer giveAway(t, w, 0)
			}
			cmd, said := w.command(t, append([]string{"build", "m.yaml", "-o", "oci:image"}, c.args...)...)
			if c.uid != 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
			}
			if c.path != "" {
				cmd.Env = append(os.Environ(), "PATH="+c.path)
			}
			err := cmd.Run()
			if code := cmd.ProcessState.ExitCode(); code != engineDown || !strings.Contains(said.String(), c.hint) {
				t.Errorf("exit code %d, want %d with a hint at %q: %v\n%s", code, engineDown, c.hint, err, tail(said.String()))
			}
		})
	}
}

// giveAway lets another user work there.
func giveAway(t *testing.T, w workplace, uid int) {
	t.Helper()
	for _, dir := range []string{w.dir, w.cache} {
		for up := filepath.Dir(dir); strings.HasPrefix(up, filepath.Clean(os.TempDir())+"/"); up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, uid, uid)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}
