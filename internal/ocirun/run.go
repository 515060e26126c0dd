// Package ocirun runs a command inside a root filesystem with runc, the way a
// strict operator would: no network, read-only root, no capabilities, no new
// privileges, a private /tmp.
package ocirun

import (
	"context"
	"io"
)

// Spec is one run.
type Spec struct {
	Rootfs string
	Args   []string
	Env    []string
	UID    int
	Binds  map[string]string // directory of the host to path in the container, writable
	Reads  map[string]string // the same, not writable
	// HostNetwork is for what has to reach servers on this machine; without it
	// there is no network.
	HostNetwork    bool
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run executes the command and returns its exit code. An error means that
// runc itself could not do its work. When ctx ends, so does the container.
func Run(ctx context.Context, s Spec) (int, error) {
	c, err := Start(s)
	if err != nil {
		return 0, err
	}
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	return c.Wait()
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
			"namespaces": s.namespaces(),
			"maskedPaths": []string{
				"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi",
			},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

func (s Spec) namespaces() []object {
	own := []object{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}}
	if !s.HostNetwork {
		own = append(own, object{"type": "network"})
	}
	return own
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
	for host, path := range s.Reads {
		mounts = append(mounts, object{"destination": path, "type": "bind", "source": host, "options": []string{"bind", "ro"}})
	}
	return mounts
}
