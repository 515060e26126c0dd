package index

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/internal/testenv"
)

// TestLiveIndex asks the index that this machine is configured for. It says
// nothing of its address, which is nobody's business but the machine's.
func TestLiveIndex(t *testing.T) {
	uv := os.Getenv("LOCKFORGE_UV")
	if uv == "" {
		uv, _ = exec.LookPath("uv") // "" is an answer: there is none
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	set, err := Discover(nil, Env{Getenv: os.Getenv, Home: home, ReadFile: os.ReadFile, UV: uv})
	if err != nil {
		testenv.Missing(t, "no Python index is configured, and no uv tells one: %v", err)
	}
	c := NewClient(set, Options{CacheDir: t.TempDir()})
	defer c.Close()
	files, err := c.Files(t.Context(), "toposort")
	if err != nil {
		testenv.Missing(t, "the configured index does not answer: %v", err)
	}
	at := slices.IndexFunc(files, func(f File) bool { return strings.HasSuffix(f.Name, "-none-any.whl") && !f.Yanked })
	if at < 0 {
		t.Fatalf("no pure wheel among %d files", len(files))
	}
	f := files[at]
	if path.Base(f.URL) != f.Name || f.Index != DefaultName {
		t.Errorf("file %s of index %s", f.Name, f.Index)
	}
	size, err := c.Head(t.Context(), f.URL)
	if err != nil || f.Size >= 0 && f.Size != size {
		t.Fatalf("size %d by HEAD, %d by the page: %v", size, f.Size, err)
	}
	tail, err := c.Range(t.Context(), f.URL, size-22, 22)
	if err != nil || !strings.HasPrefix(string(tail), "PK\x05\x06") {
		t.Errorf("the wheel's last bytes are no end of a ZIP: %q, %v", tail, err)
	}
	urls, err := c.URLs(t.Context(), lock.File{Name: f.Name, SHA256: f.SHA256, Size: size, Origin: f.Index, Path: "toposort"})
	if err != nil || !slices.Equal(urls, []string{f.URL}) {
		t.Errorf("%d URLs: %v", len(urls), err)
	}
	body, _, err := c.Get(t.Context(), f.URL, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	h := sha256.New()
	if n, err := io.Copy(h, body); err != nil || n != size || hex.EncodeToString(h.Sum(nil)) != f.SHA256 {
		t.Errorf("%d bytes with sha256:%x: %v", n, h.Sum(nil), err)
	}
	if _, err := c.Files(t.Context(), "lockforge-no-such-project-of-its-tests"); !errors.Is(err, ErrNotFound) || fault.KindOf(err) != fault.Network {
		t.Errorf("a project that does not exist: %v", err)
	}
}
