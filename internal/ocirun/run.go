// Package ocirun runs a command inside a root filesystem with runc, the way a
// strict operator would: no network, read-only root, no capabilities, no new
// privileges, a private /tmp.
package ocirun

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Spec is one run.
type Spec struct {
	Rootfs         string
	Args           []string
	Env            []string
	UID            int
	Binds          map[string]string // directory of the host to path in the container, writable
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run executes the command and returns its exit code. An error means that
// runc itself could not do its work.
func Run(ctx context.Context, s Spec) (int, error) {
	bundle, err := os.MkdirTemp("", "ocirun-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(bundle)
	config, err := json.Marshal(s.config())
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(bundle, "config.json"), config, 0o600); err != nil {
		return 0, err
	}
	id := "lockforge-" + strconv.Itoa(os.Getpid()) + "-" + filepath.Base(bundle)
	cmd := exec.CommandContext(ctx, "runc", "--root", filepath.Join(bundle, "state"), "run", "--bundle", bundle, id)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("running runc: %w", err)
	}
	return 0, nil
}

type object map[string]any

// config is an OCI runtime specification, version 1.0.
func (s Spec) config() object {
	none := []string{}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"args": s.Args, "env": s.Env, "cwd": "/", "terminal": false, "noNewPrivileges": true,
			"user":         object{"uid": s.UID, "gid": s.UID},
			"capabilities": object{"bounding": none, "effective": none, "permitted": none, "inheritable": none, "ambient": none},
		},
		"root":     object{"path": s.Rootfs, "readonly": true},
		"hostname": "locked",
		"mounts":   s.mounts(),
		"linux": object{
			"namespaces": []object{{"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}},
			"maskedPaths": []string{
				"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi",
			},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func (s Spec) mounts() []object {
	mounts := []object{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": []string{"nosuid", "noexec", "nodev", "mode=1777"}},
	}
	for host, path := range s.Binds {
		mounts = append(mounts, object{"destination": path, "type": "bind", "source": host, "options": []string{"bind", "rw"}})
	}
	return mounts
}
