package dynamic

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/probe/container"
)

// here is where the payload lies in the container.
const here = "/lockforge-probe"

//go:embed payload/*.py
var payload embed.FS

// attackSpec is what an attack knows of the image.
type attackSpec struct {
	Pythons []string `json:"pythons"`
	Venvs   []string `json:"venvs"`
	Index   string   `json:"index"`
	Server  string   `json:"server"` // DataHub's, for an executor
	Control string   `json:"control"`
	Ports   []int    `json:"ports"`  // that are open for the probe's own sake
	Socket  string   `json:"socket"` // where the index is, on a host that has it nowhere else
}

// interpreter is what runs the attacks.
type interpreter struct {
	path    string
	Real    string `json:"real"`    // with links followed
	Version string `json:"version"` // "3.13"
	Site    string `json:"site"`    // its site-packages, "" where it has none
}

const askInterpreter = `
import json, os, sys, sysconfig
site = sysconfig.get_paths()["purelib"]
print(json.dumps({"real": os.path.realpath(sys.executable), "version": "%d.%d" % sys.version_info[:2], "site": site if os.path.isdir(site) else ""}))
`

// findInterpreter returns the first that works: the bundled venvs' before others.
func findInterpreter(ctx context.Context, image *container.Image, room Room) (*interpreter, string) {
	inVenv := func(p string) bool {
		return slices.ContainsFunc(image.Venvs, func(v string) bool { return strings.HasPrefix(p, v+"/") })
	}
	pythons := slices.Clone(image.Pythons)
	slices.SortStableFunc(pythons, func(a, b string) int {
		switch {
		case inVenv(a) == inVenv(b):
			return 0
		case inVenv(a):
			return -1
		}
		return 1
	})
	reason := "the image has no Python interpreter to run attacks by"
	for _, p := range pythons[:min(len(pythons), 10)] {
		o, err := room.Run(ctx, container.Spec{Profile: container.Plain, Args: []string{p, "-I", "-B", "-c", askInterpreter}, Timeout: 30 * time.Second})
		if err != nil {
			return nil, err.Error() // it is the host, not the interpreter
		}
		i := &interpreter{path: p}
		if o.Code == 0 && json.Unmarshal([]byte(o.Stdout), i) == nil {
			return i, ""
		}
		reason = fmt.Sprintf("%s of the image does not run: code %d, %s", p, o.Code, tail(o.Stderr))
	}
	return nil, reason
}

// writePayload makes the directory that the container sees as here.
func writePayload(dir string, c *container.Image, i *interpreter) error {
	names, err := fs.Glob(payload, "payload/*.py")
	if err != nil {
		return err
	}
	for _, name := range names {
		content, err := payload.ReadFile(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, path.Base(name)), content, 0o644); err != nil {
			return err
		}
	}
	// Not nil: the attacks go through both lists, also where the image has neither.
	spec, err := json.Marshal(attackSpec{
		Pythons: append([]string{}, c.Pythons...), Venvs: append([]string{}, c.Venvs...), Index: indexURL, Server: serverURL, Control: "http://" + indexAddress + control, Ports: []int{indexPort}, Socket: container.Socket,
	})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "spec.json"), spec, 0o644); err != nil {
		return err
	}
	if err := writeVenvs(filepath.Join(dir, "venvs"), c, i); err != nil {
		return err
	}
	return open(dir)
}

// open lets every user of an image read the payload, whatever the umask.
func open(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		return os.Chmod(p, 0o755)
	})
}

// writeVenvs makes the stand-in for the image's venvs: one whose datahub
// command is an attack, with the interpreter and packages of a real one.
func writeVenvs(dir string, c *container.Image, i *interpreter) error {
	venv := filepath.Join(dir, "probe-bundled")
	lib := filepath.Join(venv, "lib", "python"+i.Version)
	for _, d := range []string{filepath.Join(venv, "bin"), lib} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	attack, err := payload.ReadFile("payload/task.py")
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(map[string]any{
		"bundled_plugins": []string{"probe"}, "cli_version": release(c), "venvs": []any{map[string]any{"dir": "probe-bundled", "plugins": []string{"probe"}}},
	})
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"probe-bundled/bin/datahub": attack,
		"probe-bundled/pyvenv.cfg":  []byte("home = " + path.Dir(i.Real) + "\ninclude-system-site-packages = false\nversion = " + i.Version + "\n"),
		"metadata.json":             metadata,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			return err
		}
	}
	if i.Site != "" {
		if err := os.Symlink(i.Site, filepath.Join(lib, "site-packages")); err != nil {
			return err
		}
	}
	return os.Symlink(i.Real, filepath.Join(venv, "bin", "python"))
}

// maxMetadata bounds the image's metadata.json, in bytes.
const maxMetadata = 1 << 20

// release is the version of the DataHub CLI that the image says it has; the
// executor hands recipes over as that version reads them. "" is unknown.
func release(c *container.Image) string {
	root := c.Getenv("DATAHUB_BUNDLED_VENV_PATH")
	if root == "" {
		root = "/opt/datahub/venvs"
	}
	at, ok := c.Host(path.Join(root, "metadata.json"))
	if !ok {
		return ""
	}
	info, err := os.Lstat(at)
	if err != nil || !info.Mode().IsRegular() || info.Size() > maxMetadata {
		return ""
	}
	content, err := os.ReadFile(at)
	var m struct {
		Release string `json:"cli_version"`
	}
	if err != nil || json.Unmarshal(content, &m) != nil {
		return ""
	}
	return m.Release
}

// tail is the end of what a program said.
func tail(s string) string {
	s = strings.TrimSpace(s)
	return s[max(0, len(s)-200):]
}
