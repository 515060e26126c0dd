package integration_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const executor = "/opt/datahub/bin/executor"

// event is one metadata change proposal, as the file source reads it.
const event = `[{"proposedSnapshot": {"com.linkedin.pegasus2avro.metadata.snapshot.DatasetSnapshot": {
  "urn": "urn:li:dataset:(urn:li:dataPlatform:mysql,shop.orders,PROD)",
  "aspects": [{"com.linkedin.pegasus2avro.common.Status": {"removed": false}}]}}}]
`

const fileToFile = `
source: {type: file, config: {path: /data/in.json}}
sink: {type: file, config: {filename: /data/out.json}}
`

// inside runs what the image is for, and looks for what it must not have.
func (q quickstart) inside(t *testing.T) {
	c := open(t, "oci:"+q.path("image"))
	c.give(t, "in.json", event)
	c.give(t, "recipe.yaml", fileToFile)
	t.Run("every venv", c.everyVenv)
	t.Run("ingestion", c.ingestion)
	t.Run("usage", c.usage)
	t.Run("locked", c.locked)
	t.Run("silent", c.silent)
}

func (c container) everyVenv(t *testing.T) {
	venvs, err := filepath.Glob(filepath.Join(c.rootfs, "opt/datahub/venvs/*-*/bin/datahub"))
	if err != nil || len(venvs) < 7 { // five venvs, two of them by a second name
		t.Fatalf("the image has only the venvs %q", venvs)
	}
	for _, venv := range venvs {
		program := strings.TrimPrefix(venv, c.rootfs)
		if s := c.must(t, "", program, "version"); !strings.Contains(s.stdout, "1.7.0.17") {
			t.Errorf("%s says %q", program, s.stdout)
		}
	}
}

func (c container) ingestion(t *testing.T) {
	s := c.must(t, "", executor, "run", "--plugin", "file", "--config", "/data/recipe.yaml", "--write", "/data", "--sandbox", "require")
	if !strings.Contains(s.stdout+s.stderr, `"phase":"exited","code":0`) {
		t.Errorf("no end record in\n%s", tail(s.stderr))
	}
	out := readFile(t, filepath.Join(c.data, "out.json"))
	if records := decode[[]map[string]any](t, out); len(records) != 1 || !strings.Contains(out, "shop.orders") {
		t.Errorf("the ingestion wrote %s", out)
	}
	// The entry point's other name, with the recipe on standard input.
	c.must(t, fileToFile, "/start_datahub_executor.sh", "run", "--plugin", "file", "--write", "/data")
}

func (c container) usage(t *testing.T) {
	for _, plugin := range []string{"oracle", "../file", ""} {
		if s := c.run(t, fileToFile, executor, "run", "--plugin", plugin); s.code != 2 {
			t.Errorf("plugin %q: exit code %d, want 2\n%s", plugin, s.code, s.stderr)
		}
	}
	const broken = "source: {type: file, config: {path: /data/absent.json}}\nsink: {type: file, config: {filename: /data/x.json}}\n"
	if s := c.run(t, broken, executor, "run", "--plugin", "file", "--write", "/data"); s.code == 0 || s.code == 2 {
		t.Errorf("an ingestion without input ends with code %d", s.code)
	}
}

// forbidden are names that no file of the image has, whatever its place.
var forbidden = regexp.MustCompile(`^(pip[0-9.]*|uv|uvx|conda|poetry|sh|bash|dash|busybox|curl|wget|git|gcc|cc|apt|apt-get|dpkg|perl[0-9.]*|su|sudo|mount)$`)

func (c container) locked(t *testing.T) {
	files := 0
	err := filepath.WalkDir(c.rootfs, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		files++
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSetuid != 0 || info.Mode()&fs.ModeSetgid != 0 {
			t.Errorf("%s is setuid", file)
		}
		if info.Mode().IsRegular() && info.Mode()&0o111 != 0 && forbidden.MatchString(path.Base(file)) {
			t.Errorf("the image has %s", file)
		}
		return nil
	})
	if err != nil || files < 1000 {
		t.Fatalf("%d files were seen: %v", files, err)
	}
	python := "/opt/datahub/venvs/mysql-bundled/bin/python"
	for _, args := range [][]string{
		{"/bin/sh", "-c", "true"}, {"/usr/bin/env", "true"},
		{python, "-m", "pip", "--version"}, {python, "-m", "ensurepip"}, {python, "-m", "uv"}, {python, "-m", "venv", "/tmp/v"},
		{python, "-c", "import setuptools"},
		{python, "-c", "open('/opt/datahub/x', 'w')"},
		{python, "-c", "import socket; socket.create_connection(('192.0.2.1', 80), 1)"},
	} {
		if s := c.run(t, "", args...); s.code == 0 {
			t.Errorf("%q works in the image:\n%s", args, s.stdout)
		}
	}
	if s := c.must(t, "", python, "-c", "import sys; sys.exit(6 * 7 != 42)"); s.stderr != "" {
		t.Errorf("Python complains: %s", s.stderr)
	}
}

// listener runs the CLI's launcher in a process that notes every attempt to
// reach a host, which the missing network would hide.
const listener = `
import sys, os, runpy
tried = []
def hook(name, args):
    if name in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        tried.append(name + " " + repr(args[-1:] if name == "socket.connect" else args))
sys.addaudithook(hook)
sys.argv = sys.argv[1:]
code = 0
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as e:
    code = e.code or 0
print("TRIED", [t for t in tried if "/" not in t.split(" ", 1)[1][:3]])
sys.stdout.flush()
os._exit(code if isinstance(code, int) else 1)
`

// silent holds that neither telemetry nor the check for upgrades calls out.
func (c container) silent(t *testing.T) {
	c.give(t, "listener.py", listener)
	bin := "/opt/datahub/venvs/common-venv/bin/"
	for _, args := range [][]string{{"version"}, {"ingest", "run", "-c", "/data/recipe.yaml"}, {"check", "plugins"}} {
		s := c.must(t, "", append([]string{bin + "python", "-I", "/data/listener.py", bin + "datahub"}, args...)...)
		if !strings.Contains(s.stdout, "TRIED []") {
			t.Errorf("datahub %s calls out:\n%s", strings.Join(args, " "), tail(s.stdout))
		}
	}
	if _, err := os.Stat(filepath.Join(c.data, "out.json")); err != nil {
		t.Error(err)
	}
}
