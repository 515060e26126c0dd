package unpack_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/internal/testenv"
)

const (
	epoch     = 1_700_000_000
	storeRoot = "/opt/datahub/store"
)

// pack is the tar of a step's input files.
type pack struct {
	b bytes.Buffer
	w *tar.Writer
}

func newPack() *pack {
	p := &pack{}
	p.w = tar.NewWriter(&p.b)
	return p
}

func (p *pack) add(name string, content []byte) unpack.Input {
	_ = p.w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
	_, _ = p.w.Write(content)
	sum := sha256.Sum256(content)
	return unpack.Input{File: name, SHA256: hex.EncodeToString(sum[:])}
}

// runStep runs a step with the given specification, which may be JSON text, and
// returns the exit code and what it said.
func runStep(t *testing.T, command string, spec any, p *pack, out, python string) (int, string) {
	t.Helper()
	in := t.TempDir()
	text, ok := spec.(string)
	if !ok {
		b, err := json.Marshal(spec)
		if err != nil {
			t.Fatal(err)
		}
		text = string(b)
	}
	if err := p.w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"spec.json": []byte(text), "pack": p.b.Bytes()} {
		if err := os.WriteFile(filepath.Join(in, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var stderr bytes.Buffer
	code := unpack.Run([]string{command, "-in", in, "-out", out, "-python", python}, strings.NewReader(""), &bytes.Buffer{}, &stderr)
	return code, stderr.String()
}

func mustRun(t *testing.T, command string, spec any, p *pack, out, python string) {
	t.Helper()
	if code, said := runStep(t, command, spec, p, out, python); code != 0 || said != "" {
		t.Fatalf("unpack %s: exit code %d: %s", command, code, said)
	}
}

func treeSpec(tree *venv.Tree) unpack.TreeSpec {
	spec := unpack.TreeSpec{Epoch: epoch}
	for _, e := range tree.Entries {
		spec.Entries = append(spec.Entries, unpack.TreeEntry{Entry: e})
	}
	return spec
}

// interpreter finds a real interpreter of that minor version. The system's own
// comes first: venvs name /usr/bin as their home, and so its standard library.
func interpreter(t *testing.T, minor venv.Python) string {
	t.Helper()
	for _, candidate := range []string{"/usr/bin/python" + string(minor), "python" + string(minor), "python3"} {
		if file, found := ask(candidate); found == minor {
			return file
		}
	}
	testenv.Missing(t, "no Python %s on PATH", minor)
	return ""
}

// anyInterpreter finds a real interpreter that the image could have, 3.11 or later.
func anyInterpreter(t *testing.T) (string, venv.Python) {
	t.Helper()
	file, minor := found()
	if file == "" {
		testenv.Missing(t, "no Python 3.11 or later on PATH")
	}
	return file, minor
}

var found = sync.OnceValues(func() (string, venv.Python) {
	for _, candidate := range []string{"python3", "python3.13", "python3.11"} {
		if file, minor := ask(candidate); len(minor) == len("3.11") && minor >= "3.11" {
			return file, minor
		}
	}
	return "", ""
})

// ask asks an interpreter for its own path and version.
func ask(name string) (string, venv.Python) {
	said, err := exec.Command(name, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)").Output()
	version, file, ok := strings.Cut(strings.TrimSpace(string(said)), " ")
	if err != nil || !ok {
		return "", ""
	}
	return file, venv.Python(version)
}
