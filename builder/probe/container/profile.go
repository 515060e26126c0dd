package container

import (
	"strconv"

	"github.com/lockforge/lockforge/deploy"
)

// Profile says what the runtime adds to the image's own lock.
type Profile string

// The profiles.
const (
	// Plain is what `docker run IMAGE` gives, without its system call filter:
	// a writable root, docker's capabilities, programs may run from anywhere.
	Plain Profile = "plain"
	// Reference is what deploy/ asks for: a read-only root, no capabilities,
	// no new privileges, the system call filter of deploy/seccomp.json,
	// scratch space that nothing runs from, bounds of memory and processes.
	Reference Profile = "reference"
)

// Bounds of the reference profile.
const (
	MaxProcesses = 512
	MaxMemory    = 1 << 30 // bytes
	ScratchSize  = 256 << 20
)

// dockerCapabilities are those that docker leaves to a container, but for
// CAP_MKNOD: with it, an image that runs as root would be one mistake in the
// control groups away from this machine's disks.
var dockerCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_NET_RAW", "CAP_SETGID", "CAP_SETUID",
	"CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

type object map[string]any

// config is the OCI runtime specification, version 1.0, of one run. The
// network is that of whoever starts runc.
func (c *Container) config(s Spec, root, scratch string) (object, error) {
	capabilities := dockerCapabilities
	if s.Profile == Reference {
		capabilities = []string{}
	}
	none := []string{}
	linux := object{
		"namespaces": []object{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}},
		"maskedPaths": []string{
			"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		},
		"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
	if s.Profile == Reference {
		filter, err := deploy.Seccomp()
		if err != nil {
			return nil, err
		}
		linux["seccomp"] = filter
	}
	if !s.Unlimited {
		linux["resources"] = s.resources()
	}
	return object{
		"ociVersion": "1.0.2",
		"process": object{
			"args": s.Args, "env": c.Environment(s.Env), "cwd": c.WorkingDir(), "terminal": false,
			"noNewPrivileges": s.Profile == Reference,
			"user":            object{"uid": c.User.UID, "gid": c.User.GID},
			"capabilities":    object{"bounding": capabilities, "effective": capabilities, "permitted": capabilities, "inheritable": none, "ambient": none},
			"rlimits":         []object{{"type": "RLIMIT_NOFILE", "hard": 4096, "soft": 1024}},
		},
		"root":     object{"path": root, "readonly": s.Profile == Reference},
		"hostname": "locked",
		"mounts":   c.mounts(s, scratch),
		"linux":    linux,
	}, nil
}

// resources are what control groups hold a run to. Devices are those of the
// runtime's own short list in every profile.
func (s Spec) resources() object {
	r := object{"devices": []object{{"allow": false, "access": "rwm"}}}
	if s.Profile == Reference {
		r["pids"], r["memory"] = object{"limit": MaxProcesses}, object{"limit": MaxMemory}
	}
	return r
}

func (c *Container) mounts(s Spec, scratch string) []object {
	mount := func(at, kind string, options ...string) object {
		return object{"destination": at, "type": kind, "source": kind, "options": options}
	}
	all := []object{
		mount("/proc", "proc", "nosuid", "noexec", "nodev"),
		mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
		mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
		mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
		mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
	}
	if s.Profile == Reference {
		all = append(all, mount("/tmp", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", size(ScratchSize)))
		for _, dir := range c.stateDirs() {
			all = append(all, mount(dir, "tmpfs", "nosuid", "noexec", "nodev", "mode=700", size(ScratchSize),
				"uid="+strconv.Itoa(c.User.UID), "gid="+strconv.Itoa(c.User.GID)))
		}
	}
	for at, host := range s.Mounts {
		all = append(all, object{"destination": at, "type": "bind", "source": host, "options": []string{"bind", "ro", "nosuid", "nodev"}})
	}
	return all
}

func size(bytes int64) string { return "size=" + strconv.FormatInt(bytes, 10) }

// stateDirs are the directories beside /tmp that deploy/ gives the executor.
func (c *Container) stateDirs() []string {
	var dirs []string
	for _, dir := range deploy.StateDirs {
		if _, ok := c.Host(dir); ok {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}
