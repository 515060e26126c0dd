package verify_test

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/lockforge/lockforge/internal/testenv"
)

// envOffline marks the process that has no network.
const envOffline = "LOCKFORGE_TEST_OFFLINE"

// With a key, a layout is verified where there is no network at all, not even
// loopback: no name is looked up, and nothing waits for an answer.
func TestLayoutIsVerifiedWithoutNetwork(t *testing.T) {
	if os.Getenv(envOffline) == "" {
		withoutNetwork(t)
		return
	}
	if c, err := net.Dial("udp", "127.0.0.1:53"); err == nil {
		c.Close()
		t.Fatal("there is a network")
	}
	x := newFixture(t)
	x.sign(t, "oci:"+x.dir)
	if report, err := x.run(t, "oci:"+x.dir); err != nil {
		t.Fatalf("%v\n%s", err, table(t, report))
	}
}

// withoutNetwork runs the calling test in a process with a network namespace
// of its own, in which nothing is up.
func withoutNetwork(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		testenv.Missing(t, "making a network namespace needs root")
	}
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), envOffline+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("without network: %v\n%s", err, out)
	}
}
