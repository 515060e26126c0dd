package doctor

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const remoteFix = "or name a BuildKit elsewhere with --buildkit-addr or BUILDKIT_HOST"

// engine checks what builds: the BuildKit elsewhere, or what the embedded one
// needs of this machine.
func (h Host) engine(ctx context.Context) []Check {
	if h.Engine == "" {
		return []Check{h.root(), h.runc(ctx), h.snapshots(), h.cgroups()}
	}
	if err := h.Dial(ctx); err != nil {
		return []Check{failed("engine", "check the address and that BuildKit runs there", err)}
	}
	return []Check{ok("engine", "BuildKit at %s answers", h.Engine)}
}

func (h Host) root() Check {
	if h.UID != 0 {
		return fail("root", "run as root, "+remoteFix, "runs as user %d; the embedded engine makes namespaces and mounts", h.UID)
	}
	return ok("root", "runs as root")
}

func (h Host) runc(ctx context.Context) Check {
	const install = "install runc (Debian: apt-get install runc), " + remoteFix
	name := h.Runc
	if name == "" {
		name = "runc"
	}
	path, found := h.program(name)
	if !found {
		return fail("runc", install, "%s is not on PATH", name)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return fail("runc", install, "%s --version: %v", path, err)
	}
	version, _, _ := bytes.Cut(out, []byte("\n"))
	return ok("runc", "%s (%s)", oneLine(string(version)), path)
}

// program finds a program as a shell would, with the PATH that the host's
// environment has.
func (h Host) program(name string) (string, bool) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = nil
		for _, dir := range filepath.SplitList(h.getenv("PATH")) {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	}
	for _, path := range candidates {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

func (h Host) getenv(name string) string {
	if h.Index.Getenv == nil {
		return ""
	}
	return h.Index.Getenv(name)
}

func (h Host) snapshots() Check {
	const name = "snapshots"
	if h.UID != 0 {
		return warn(name, "run as root", "only root can try an overlay mount")
	}
	dir := existing(h.CacheDir)
	if err := h.Overlay(dir); err != nil {
		return warn(name, "choose a --cache-dir on ext4 or xfs with overlay in the kernel: copies take longer and more space",
			"no overlay mounts below %s, every step copies its files: %s", dir, oneLine(err.Error()))
	}
	return ok(name, "overlay mounts work below %s", dir)
}

// cgroups reads mountinfo (proc_pid_mountinfo(5)): the file system type comes
// after the separator " - ".
func (h Host) cgroups() Check {
	const name, fix = "cgroups", "mount them (systemd does), " + remoteFix
	content, err := fs.ReadFile(h.Files, "proc/self/mountinfo")
	if err != nil {
		return failed(name, fix, err)
	}
	version := ""
	for line := range strings.Lines(string(content)) {
		_, after, _ := strings.Cut(line, " - ")
		switch kind, _, _ := strings.Cut(after, " "); kind {
		case "cgroup2":
			version = "2"
		case "cgroup":
			if version == "" {
				version = "1"
			}
		}
	}
	if version == "" {
		return fail(name, fix, "none are mounted, and runc starts no container without")
	}
	return ok(name, "version %s is mounted", version)
}
