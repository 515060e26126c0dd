package ingestion_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

// nobody is a user as that of an image: not root, and in the group that a
// cluster gives volumes to.
const nobody = 1000

// TestScratchAndLogsAreVolumes runs as a user that may write to volumes which
// are root's, as fsGroup leaves them.
func TestScratchAndLogsAreVolumes(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Missing(t, "only root can start a program as another user")
	}
	f := newFixture(t, "echo hello")
	must(t, os.Chmod(filepath.Dir(f.root), 0o755)) // of all directories of this test
	self, err := os.Executable()
	must(t, err)
	program := filepath.Join(f.root, "executor")
	must(t, exec.Command("cp", self, program).Run())
	for name, tc := range map[string]struct {
		mode os.FileMode
		want string // in what is said
	}{
		"a group's":  {0o775 | os.ModeSetgid, ""},
		"everyone's": {0o777, "not a directory of this user's own"},
		"nobody's":   {0o755, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			base, err := os.MkdirTemp(filepath.Dir(f.root), "volume-")
			must(t, err)
			must(t, os.Chmod(base, 0o755))
			for _, volume := range []string{"work", "logs"} {
				dir := filepath.Join(base, volume)
				must(t, os.Mkdir(dir, 0o755))
				must(t, os.Chown(dir, 0, nobody))
				must(t, os.Chmod(dir, tc.mode))
			}
			must(t, os.Chown(f.dir, nobody, nobody))
			cmd := exec.Command(program, asExecutor, f.root, f.dir, base)
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			out, err := cmd.CombinedOutput()
			must(t, err)
			if said := strings.TrimSpace(string(out)); tc.want == "" && said != "" || !strings.Contains(said, tc.want) {
				t.Errorf("it said %q, want %q", said, tc.want)
			}
			log, err := os.ReadFile(filepath.Join(base, "logs", "killed", "executor-logs", "ingestion-logs.log"))
			if tc.want == "" && !strings.Contains(string(log), "hello") {
				t.Errorf("the log is %q (%v)", log, err)
			}
		})
	}
}
