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
	"testing"

	"github.com/lockforge/lockforge/builder/internal/testenv"
	"github.com/lockforge/lockforge/builder/unpack"
	"github.com/lockforge/lockforge/builder/venv"
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

// interpreter finds a real interpreter of that minor version.
func interpreter(t *testing.T, minor string) string {
	t.Helper()
	for _, candidate := range []string{"python" + minor, "python3"} {
		path, err := exec.LookPath(candidate)
		if err != nil {
			continue
		}
		said, err := exec.Command(path, "-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)").Output()
		if version, real, ok := strings.Cut(strings.TrimSpace(string(said)), " "); err == nil && ok && version == minor {
			return real
		}
	}
	testenv.Missing(t, "no Python %s on PATH", minor)
	return ""
}
