package dynamic

import (
	"archive/tar"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/probe/container"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// hostPython is the interpreter of this machine, as files of an image.
type hostPython struct {
	Exe     string   `json:"exe"`
	Stdlib  string   `json:"stdlib"`
	Version string   `json:"version"`
	entries []string // of this machine; the same in the image
}

const describePython = `
import json, os, sys, sysconfig
print(json.dumps({"exe": os.path.realpath(sys.executable), "stdlib": sysconfig.get_paths()["stdlib"], "version": "%d.%d" % sys.version_info[:2]}))
`

var findHostPython = sync.OnceValues(func() (*hostPython, error) {
	out, err := exec.Command("python3", "-I", "-c", describePython).Output()
	if err != nil {
		return nil, err
	}
	var h hostPython
	if err := json.Unmarshal(out, &h); err != nil {
		return nil, err
	}
	files := []string{h.Exe}
	err = filepath.WalkDir(h.Stdlib, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && slices.Contains([]string{"site-packages", "dist-packages", "test", "tests", "idlelib", "tkinter", "lib2to3", "turtledemo"}, d.Name()) ||
			strings.HasPrefix(d.Name(), "config-") && d.IsDir() {
			return fs.SkipDir
		}
		if err == nil && d.Type().IsRegular() {
			files = append(files, p)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, lib := range libraries(files) {
		if !slices.Contains(files, lib) {
			files = append(files, lib)
		}
	}
	h.entries = files
	return &h, nil
})

// libraries returns what the programs and libraries among files are linked with.
func libraries(files []string) []string {
	var linked, found []string
	for n, f := range files {
		if n == 0 || strings.HasSuffix(f, ".so") {
			linked = append(linked, f)
		}
	}
	out, _ := exec.Command("ldd", linked...).Output() // it fails for those without dependencies
	for line := range strings.Lines(string(out)) {
		for _, field := range strings.Fields(line) {
			if path.IsAbs(field) && !strings.HasSuffix(field, ":") && !slices.Contains(found, field) {
				found = append(found, field)
			}
		}
	}
	return found
}

//go:embed testdata/evil_executor.py
var evilExecutor string

//go:embed testdata/pip_main.py
var pipMain string

// layer makes the entries of an image around this machine's interpreter. An
// evil one belongs to the user and has everything that a locked one must not.
func layer(t *testing.T, h *hostPython, evil bool) []imagetest.Entry {
	t.Helper()
	files := map[string]imagetest.Entry{}
	add := func(e imagetest.Entry) { files[e.Name] = e }
	read := func(name string) string {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	for _, name := range h.entries {
		rest, inLib := strings.CutPrefix(name, h.Stdlib+"/")
		if top, _, _ := strings.Cut(rest, "/"); inLib && !evil && slices.Contains([]string{"ensurepip", "venv", "distutils"}, top) {
			continue
		}
		mode := int64(0o644)
		if !inLib {
			mode = 0o755
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		// Bytecode counts as long as its source has the same time, in seconds.
		add(imagetest.Entry{Name: name[1:], Body: read(name), Mode: mode, Time: info.ModTime().Truncate(time.Second)})
	}
	venv := "opt/datahub/venvs/mysql-bundled"
	add(imagetest.File("etc/passwd", "root:x:0:0::/:\nu:x:1000:1000::/tmp:\n"))
	add(imagetest.File(venv+"/pyvenv.cfg", "home = "+path.Dir(h.Exe)+"\n"))
	add(imagetest.Link(venv+"/bin/python", h.Exe))
	add(imagetest.File(venv+"/lib/python"+h.Version+"/site-packages/connector/__init__.py", ""))
	add(imagetest.File(venv+"/lib/python"+h.Version+"/site-packages/connector-1.dist-info/METADATA", "Name: connector\nVersion: 1\n"))
	add(imagetest.File("opt/datahub/venvs/metadata.json", `{"cli_version": "1.7.0.17", "bundled_plugins": ["mysql"]}`))
	if evil {
		site := strings.TrimPrefix(h.Stdlib, "/") + "/site-packages"
		add(imagetest.Exec("opt/datahub/bin/executor", "#!"+h.Exe+" -I\n"+evilExecutor))
		add(imagetest.File(site+"/pip/__main__.py", pipMain))
		add(imagetest.File(site+"/pip/__init__.py", ""))
		for _, name := range []string{"bin/sh", "usr/bin/curl", "usr/bin/env"} {
			add(imagetest.Link(name, h.Exe))
		}
	} else {
		executor, err := ownExecutor()
		if err != nil {
			t.Fatal(err)
		}
		add(imagetest.Exec("opt/datahub/bin/executor", string(executor)))
	}
	return owned(files, evil)
}

// owned adds the directories, and gives everything to root, or to the user.
func owned(files map[string]imagetest.Entry, evil bool) []imagetest.Entry {
	owner := 0
	if evil {
		owner = 1000
	}
	all := map[string]imagetest.Entry{
		"tmp":                      {Name: "tmp/", Kind: tar.TypeDir, Mode: 0o1777},
		"var/lib/datahub-executor": {Name: "var/lib/datahub-executor/", Kind: tar.TypeDir, Mode: 0o700, UID: 1000, GID: 1000},
	}
	if evil {
		all["."] = imagetest.Entry{Name: "./", Kind: tar.TypeDir, Mode: 0o755, UID: owner, GID: owner}
	}
	for name, e := range files {
		e.UID, e.GID = owner, owner
		all[name] = e
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, there := all[dir]; !there {
				d := imagetest.Dir(dir)
				d.UID, d.GID = owner, owner
				all[dir] = d
			}
		}
	}
	var entries []imagetest.Entry
	var names []string
	for name := range all {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		entries = append(entries, all[name])
	}
	return entries
}

// ownExecutor compiles the executor of this source tree.
var ownExecutor = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "lockforge-executor-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "executor")
	cmd := exec.Command("go", "build", "-ldflags", "-s -w", "-o", out, "github.com/lockforge/lockforge/cmd/executor")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the executor: %w\n%s", err, said)
	}
	return os.ReadFile(out)
})

// TestMain lets the test binary be the BuildKit that attacks are run at.
func TestMain(m *testing.M) { buildkit.Main(m) }

// platform is an image of layer.
func platform(t *testing.T, evil bool, config map[string]any) *image.Platform {
	t.Helper()
	h, err := findHostPython()
	if err != nil {
		testenv.Missing(t, "no python3 on this machine: %v", err)
	}
	dir := t.TempDir()
	config["Env"] = []string{"PATH=/opt/datahub/bin:/usr/bin", "DATAHUB_BUNDLED_VENV_PATH=/opt/datahub/venvs"}
	imagetest.Layout(t, dir, imagetest.Image{
		Platform: "linux/" + runtime.GOARCH, Config: config,
		Layers: []imagetest.Layer{{Entries: layer(t, h, evil), Compression: "none"}},
	})
	img, err := image.Open(context.Background(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img.Platforms()[0]
}

// unpacked is an image of layer, ready to run.
func unpacked(t *testing.T, evil bool, config map[string]any) *container.Container {
	t.Helper()
	if reason := container.Missing(); reason != "" {
		testenv.Missing(t, "%s", reason)
	}
	c, err := container.Open(context.Background(), platform(t, evil, config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
