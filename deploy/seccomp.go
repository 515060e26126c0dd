// Package deploy holds the settings of the reference runtime profile, under
// which `lockforge check --run` tries what an image alone cannot stop.
package deploy

import (
	_ "embed"
	"encoding/json"
	"fmt"
)

// StateDirs are the directories beside /tmp that a container gets scratch
// space at.
var StateDirs = []string{"/var/lib/datahub-executor"}

//go:embed seccomp.json
var seccomp []byte

// Seccomp returns the system call filter in the form of the OCI runtime
// specification, which docker, podman and Kubernetes read as a file.
func Seccomp() (map[string]any, error) {
	var filter map[string]any
	if err := json.Unmarshal(seccomp, &filter); err != nil {
		return nil, fmt.Errorf("reading deploy/seccomp.json: %w", err)
	}
	return filter, nil
}
