package engine

import (
	"os"
	"os/exec"

	"github.com/lockforge/lockforge/builder/fault"
)

// findRuntime checks what the embedded engine needs from its host.
func findRuntime(name string) (string, error) {
	if os.Geteuid() != 0 {
		return "", fault.New(fault.EngineDown, "starting the embedded engine: it needs root").
			Hint("run as root, or name a BuildKit with --buildkit-addr or BUILDKIT_HOST")
	}
	if name == "" {
		name = "runc"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fault.Wrap(fault.EngineDown, err, "looking for the OCI runtime %s", name).
			Hint("install runc (Debian: apt-get install runc), or name a BuildKit with --buildkit-addr or BUILDKIT_HOST")
	}
	return path, nil
}
