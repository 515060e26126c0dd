package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Cosign is the stock cosign client, isolated from the user's configuration
// and from the network beyond loopback.
type Cosign struct {
	t       testing.TB
	program string
	home    string
}

// StockCosign finds the client as $LOCKFORGE_COSIGN or on PATH.
func StockCosign(t testing.TB) Cosign {
	t.Helper()
	program := os.Getenv("LOCKFORGE_COSIGN")
	if program == "" {
		var err error
		if program, err = exec.LookPath("cosign"); err != nil {
			Missing(t, "cosign is neither on PATH nor named by LOCKFORGE_COSIGN")
		}
	}
	return Cosign{t: t, program: program, home: t.TempDir()}
}

// Run calls cosign and returns what it printed, standard error included.
// Everything that is not loopback goes to a proxy that does not exist, so a
// check that is called offline is offline.
func (c Cosign) Run(args ...string) (string, error) {
	c.t.Helper()
	cmd := exec.Command(c.program, args...)
	cmd.Dir = c.home
	cmd.Env = []string{
		"HOME=" + c.home, "TUF_ROOT=" + filepath.Join(c.home, "tuf"), "COSIGN_PASSWORD=",
		"HTTP_PROXY=http://127.0.0.1:1", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1",
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// MustRun is Run for calls that have to succeed.
func (c Cosign) MustRun(args ...string) string {
	c.t.Helper()
	out, err := c.Run(args...)
	if err != nil {
		c.t.Fatalf("cosign %v: %v\n%s", args, err, out)
	}
	return out
}
