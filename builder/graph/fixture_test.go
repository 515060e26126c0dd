package graph

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/pack"
)

// shelf is a content store in memory.
type shelf map[string][]byte

func (s shelf) put(b []byte) string {
	sum := sha256.Sum256(b)
	sha := hex.EncodeToString(sum[:])
	s[sha] = b
	return sha
}

func (s shelf) open(sha string) (pack.Blob, error) {
	b, ok := s[sha]
	if !ok {
		return nil, fault.New(fault.Integrity, "no blob %s", sha)
	}
	return shelfBlob{bytes.NewReader(b)}, nil
}

type shelfBlob struct{ *bytes.Reader }

func (shelfBlob) Close() error { return nil }

// wheel makes a small wheel out of path, content pairs and puts it on the shelf.
func (s shelf) wheel(t testing.TB, name, version string, files ...string) lock.Wheel {
	t.Helper()
	info := strings.ReplaceAll(name, "-", "_") + "-" + version + ".dist-info/"
	files = append(files,
		info+"METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version),
		info+"WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	var record strings.Builder
	write := func(path, content string) {
		w, err := z.Create(path)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(files); i += 2 {
		write(files[i], files[i+1])
		sum := sha256.Sum256([]byte(files[i+1]))
		fmt.Fprintf(&record, "%s,sha256=%s,%d\n", files[i], base64.RawURLEncoding.EncodeToString(sum[:]), len(files[i+1]))
	}
	fmt.Fprintf(&record, "%sRECORD,,\n", info)
	write(info+"RECORD", record.String())
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return lock.Wheel{
		Name: name, Version: version, Index: "default",
		File: strings.ReplaceAll(name, "-", "_") + "-" + version + "-py3-none-any.whl",
		Size: int64(b.Len()), SHA256: s.put(b.Bytes()),
	}
}

func (s shelf) deb(name, arch string) lock.Deb {
	b := []byte("package " + name + " for " + arch)
	return lock.Deb{Name: name, Version: "1:2.0-1", Arch: arch, Source: name, Archive: "main", Path: "pool/" + name + ".deb", Size: int64(len(b)), SHA256: s.put(b)}
}

// fixture is a manifest and a lock of two platforms.
type fixture struct {
	shelf    shelf
	manifest *manifest.Manifest
	lock     *lock.Lock
	inputs   Inputs
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{shelf: shelf{}}
	f.manifest = &manifest.Manifest{
		Version: 1, Name: "example", CLI: manifest.CLI{Version: "1.0", Slim: true},
		VenvPath: "/opt/datahub/venvs", Runtime: manifest.Runtime{Executor: true, User: 1000},
	}
	f.lock = &lock.Lock{
		Version: 1, Manifest: "sha256:" + strings.Repeat("a", 64), Resolved: "2026-01-02", CLIVersion: "1.0",
		Layers: lock.Layers{Budget: 48, Buckets: 4, OwnAbove: 10_000, Compression: "zstd"},
	}
	for _, arch := range []string{"amd64", "arm64"} {
		f.lock.Platforms = append(f.lock.Platforms, f.platform(t, arch))
	}
	f.inputs = Inputs{
		Open:          f.shelf.open,
		Unpack:        program("unpack"),
		Executor:      program("executor"),
		BuildPlatform: "linux/amd64", LockDigest: "sha256:" + strings.Repeat("b", 64), ToolVersion: "1.2.3",
	}
	return f
}

func (f *fixture) platform(t testing.TB, arch string) *lock.Platform {
	one := f.shelf.wheel(t, "space-one", "1.0", "space/one.py", "print(1)\n")
	two := f.shelf.wheel(t, "space-two", "2.0", "space/two.py", "print(2)\n")
	large := f.shelf.wheel(t, "large", "3.0", "large/__init__.py", "x = '"+incompressible(20_000)+"'\n")
	return &lock.Platform{
		Platform: "linux/" + arch, Python: "3.13", Base: lock.Base{Suite: "trixie"},
		Debs:   []lock.Deb{f.shelf.deb("libc6", arch), f.shelf.deb("python3.13-minimal", arch)},
		Wheels: []lock.Wheel{large, one, two},
		Venvs: []lock.Venv{
			{Dir: "alpha-bundled", Label: "alpha", Plugins: []string{"alpha"}, Wheels: []string{large.File, one.File}, Sources: []lock.Source{{Plugin: "alpha", Name: "alpha", Class: "a.b:C"}}},
			{Dir: "common-venv", Label: "common", Plugins: []string{"beta", "gamma"}, Links: []string{"beta-bundled", "gamma-bundled"}, Wheels: []string{one.File, two.File}, Sources: []lock.Source{{Plugin: "beta", Name: "beta", Class: "a.b:D"}, {Plugin: "gamma", Name: "gamma", Class: "a.b:E"}}},
		},
	}
}

// incompressible is text that deflate cannot make much smaller.
func incompressible(n int) string {
	var b strings.Builder
	sum := sha256.Sum256(nil)
	for b.Len() < n {
		sum = sha256.Sum256(sum[:])
		b.WriteString(hex.EncodeToString(sum[:]))
	}
	return b.String()[:n]
}

func (f *fixture) build(t testing.TB) *Graph {
	t.Helper()
	g, err := Build(f.manifest, f.lock, f.inputs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reverse turns every list of the lock around.
func (f *fixture) reverse() {
	slices.Reverse(f.lock.Platforms)
	for _, p := range f.lock.Platforms {
		slices.Reverse(p.Wheels)
	}
}

func (s shelf) sdist(name string, archive []byte) lock.Sdist {
	return lock.Sdist{Name: name, Version: "1.0", File: name + "-1.0.tar.gz", Index: "default", Size: int64(len(archive)), SHA256: s.put(archive)}
}

func program(name string) func(arch string) (*io.SectionReader, error) {
	return func(arch string) (*io.SectionReader, error) {
		text := name + " for " + arch
		return io.NewSectionReader(strings.NewReader(text), 0, int64(len(text))), nil
	}
}
