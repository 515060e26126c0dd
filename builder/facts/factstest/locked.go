// Package factstest makes small images in the locked shape for tests: real
// wheels and packages, laid out by the same plans as a build's, without an engine.
package factstest

import (
	"archive/tar"
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/deb"
	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/rootfs"
	"github.com/lockforge/lockforge/builder/store"
	"github.com/lockforge/lockforge/builder/venv"
	"github.com/lockforge/lockforge/builder/wheel"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
	"github.com/lockforge/lockforge/executor/contract"
)

const (
	python = venv.Python("3.13")
	magic  = 3571 // of its bytecode
)

// Locked is an image of two venvs over four wheels and two packages, with the
// lock it fits and the store that holds the locked files. Tests spoil Image
// before they write it.
type Locked struct {
	Image imagetest.Image // layers os, python, bytecode, wheels, venvs, config, runtime
	Lock  *lock.Lock
	Store *store.Store

	arch string // Debian's name
}

// Names of the layers, in their order.
const (
	OS = iota
	Python
	Bytecode
	Wheels
	Venvs
	Config
	Runtime
)

// New makes the image of linux/amd64.
func New(t testing.TB) *Locked {
	t.Helper()
	return For(t, "amd64")
}

// For makes the image of linux on amd64 or arm64.
func For(t testing.TB, arch string) *Locked {
	t.Helper()
	s, err := store.Open(t.TempDir())
	must(t, err)
	l := &Locked{Store: s, arch: arch}
	l.Image.Platform = "linux/" + arch
	p := &lock.Platform{Platform: l.Image.Platform, Python: string(python), Base: lock.Base{
		Suite: "trixie", Archives: []lock.Archive{{Name: "main", Date: imagetest.Epoch.Format(time.RFC3339)}},
	}}
	l.Lock = &lock.Lock{
		Version: 1, Manifest: "sha256:" + strings.Repeat("ab", 32), Resolved: imagetest.Epoch.Format(time.DateOnly), CLIVersion: "1.7.0",
		Layers: lock.Layers{Budget: 48, Buckets: 2, OwnAbove: 1 << 20, Compression: "zstd"}, Platforms: []*lock.Platform{p},
	}
	l.debs(t, p)
	l.wheels(t, p)
	p.Exceptions = []lock.Exception{{Name: "pip", Version: "26.0", NeededBy: []string{"acryl-datahub"}, Reason: "declared, never imported"}}
	l.system(t, p)
	l.site(t, p)
	l.config(t, p)
	l.Image.Config = map[string]any{
		"User": "1000", "Entrypoint": []string{contract.ExecutorPath, "run"},
		"Env": []string{contract.EnvVenvPath + "=" + contract.DefaultVenvPath, "UV_NO_INDEX=1"},
	}
	for n, what := range []string{"os", "python", "python-bytecode", "wheels-00", "venvs", "config", "runtime"} {
		l.Image.Layers[n].CreatedBy = what
		l.Image.Layers[n].Compression = "zstd"
	}
	return l
}

// Clone copies image and lock, so that a test can spoil them. The store, which
// is expensive to make, stays the same.
func (l *Locked) Clone(t testing.TB) *Locked {
	t.Helper()
	c := &Locked{Image: l.Image, Lock: new(lock.Lock), Store: l.Store, arch: l.arch}
	must(t, json.Unmarshal([]byte(document(t, l.Lock)), c.Lock))
	c.Image.Layers = slices.Clone(l.Image.Layers)
	for n := range c.Image.Layers {
		c.Image.Layers[n].Entries = slices.Clone(c.Image.Layers[n].Entries)
	}
	return c
}

// LockMark stands in the entries for the digest of the lock, which Write puts
// into its place: tests change the lock before they write the image.
const LockMark = "sha256:the-lock"

// Write writes the image into an OCI layout and returns the reference of it.
// Images of further platforms join it, and their platforms its lock.
func (l *Locked) Write(t testing.TB, more ...*Locked) string {
	t.Helper()
	all := append([]*Locked{l}, more...)
	l.Lock.Platforms = l.Lock.Platforms[:1:1]
	for _, m := range more {
		l.Lock.Platforms = append(l.Lock.Platforms, m.Lock.Platforms[0])
	}
	text, err := lock.Marshal(l.Lock)
	must(t, err)
	sum := sha256.Sum256(text)
	var images []imagetest.Image
	for _, one := range all {
		img := one.Clone(t).Image
		for _, layer := range img.Layers {
			for i := range layer.Entries {
				layer.Entries[i].Body = strings.ReplaceAll(layer.Entries[i].Body, LockMark, "sha256:"+hex.EncodeToString(sum[:]))
			}
		}
		images = append(images, img)
	}
	dir := t.TempDir()
	imagetest.Layout(t, dir, images...)
	return "oci:" + dir
}

// Add appends entries to a layer.
func (l *Locked) Add(layer int, entries ...imagetest.Entry) {
	l.Image.Layers[layer].Entries = append(l.Image.Layers[layer].Entries, entries...)
}

// Edit changes the entry of a path in whichever layer has it; a change that
// empties the name removes the entry.
func (l *Locked) Edit(t testing.TB, p string, change func(*imagetest.Entry)) {
	t.Helper()
	for n := range l.Image.Layers {
		entries := l.Image.Layers[n].Entries
		for i := range entries {
			if strings.TrimSuffix(entries[i].Name, "/") != p {
				continue
			}
			change(&entries[i])
			if entries[i].Name == "" {
				l.Image.Layers[n].Entries = append(entries[:i:i], entries[i+1:]...)
			}
			return
		}
	}
	t.Fatalf("the image has no %s", p)
}

func (l *Locked) debs(t testing.TB, p *lock.Platform) {
	for _, d := range []struct {
		name, version, source string
		files                 []debtest.Entry
	}{
		{"libdemo1", "1.2-3+deb13u1", "demo", []debtest.Entry{
			debtest.File("./usr/lib/x86_64-linux-gnu/libdemo.so.1.0", "demo library"),
			debtest.Link("./usr/lib/x86_64-linux-gnu/libdemo.so.1", "libdemo.so.1.0"),
			debtest.File("./usr/share/zoneinfo/Etc/UTC", "TZif2"),
			debtest.File("./usr/share/doc/libdemo1/copyright", "MIT"),
		}},
		{"python3.13-minimal", "3.13.5-2", "python3.13", []debtest.Entry{
			debtest.File("./usr/bin/python3.13", "an interpreter"),
			debtest.File("./usr/lib/python3.13/os.py", "import sys\n"),
		}},
	} {
		var sums strings.Builder
		for _, f := range d.files {
			if f.Header.Typeflag == tar.TypeReg {
				fmt.Fprintf(&sums, "%x  %s\n", md5.Sum([]byte(f.Content)), strings.TrimPrefix(f.Header.Name, "./"))
			}
		}
		control := fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: %s\nSource: %s\nMaintainer: nobody <nobody@mirror.example>\nDescription: test\n", d.name, d.version, l.arch, d.source)
		data := debtest.Ar(
			debtest.Member{Name: "debian-binary", Data: []byte("2.0\n")},
			debtest.Member{Name: "control.tar.xz", Data: debtest.Compress(t, debtest.XZ, debtest.Tar(t, debtest.File("./control", control), debtest.File("./md5sums", sums.String())))},
			debtest.Member{Name: "data.tar.xz", Data: debtest.Compress(t, debtest.XZ, debtest.Tar(t, d.files...))},
		)
		sha, err := l.Store.PutBytes(data)
		must(t, err)
		p.Debs = append(p.Debs, lock.Deb{Name: d.name, Version: d.version, Arch: l.arch, Source: d.source, Archive: "main", Path: "pool/" + d.name + ".deb", Size: int64(len(data)), SHA256: sha})
	}
}

func (l *Locked) wheels(t testing.TB, p *lock.Platform) {
	for _, b := range []*wheeltest.Builder{
		wheeltest.New("acryl-datahub", "1.7.0").File("datahub/__init__.py", "x = 1\n").File("datahub/entrypoints.py", "def main(): pass\n").
			EntryPoint("console_scripts", "datahub", "datahub.entrypoints:main").Requires("pip", "google-one").Header("License-Expression", "Apache-2.0"),
		wheeltest.New("google-one", "1.0").File("google/one/__init__.py", "one = 1\n").File("google/one/data.txt", "1"),
		wheeltest.New("google-two", "2.0").File("google/two/__init__.py", "two = 2\n").Header("License", "MIT"),
		wheeltest.New("single", "0.1").File("single.py", "import sys\n"),
	} {
		data := b.Bytes(t)
		sha, err := l.Store.PutBytes(data)
		must(t, err)
		opened, err := wheel.Open(bytes.NewReader(data), int64(len(data)), b.Filename())
		must(t, err)
		p.Wheels = append(p.Wheels, lock.Wheel{Name: opened.Name, Version: opened.Version, File: b.Filename(), Index: "default", Size: int64(len(data)), SHA256: sha})
	}
	file := func(n int) string { return p.Wheels[n].File }
	p.Venvs = []lock.Venv{
		{Dir: "mysql-bundled", Label: "mysql", Plugins: []string{"mysql"}, Wheels: []string{file(0), file(1), file(2)}},
		{Dir: "common-venv", Label: "common", Plugins: []string{"demo-data", "file"}, Links: []string{"demo-data-bundled", "file-bundled"}, Wheels: []string{file(0), file(1), file(3)}},
	}
}

// system makes the layers os, python and bytecode.
func (l *Locked) system(t testing.TB, p *lock.Platform) {
	var packages []*deb.Archive
	for _, d := range p.Debs {
		blob, err := l.Store.Open(d.SHA256)
		must(t, err)
		t.Cleanup(func() { blob.Close() })
		opened, err := deb.Open(blob, blob.Size())
		must(t, err)
		packages = append(packages, opened)
	}
	tree, err := rootfs.Build(rootfs.Spec{Suite: "trixie", Arch: l.arch, User: 1000}, packages)
	must(t, err)
	for _, part := range []rootfs.Part{rootfs.OS, rootfs.Python} {
		var layer imagetest.Layer
		for _, e := range tree.Of(part) {
			layer.Entries = append(layer.Entries, entry(e))
		}
		l.Image.Layers = append(l.Image.Layers, layer)
	}
	const lib = "usr/lib/python3.13"
	l.layer(t, []imagetest.Entry{imagetest.File(python.Bytecode(lib+"/os.py"), Pyc("import sys\n"))})
}

// Pyc is a bytecode file as the build compiles it, without code.
func Pyc(source string) string {
	head := make([]byte, 16)
	binary.LittleEndian.PutUint16(head, magic)
	copy(head[2:], "\r\n")
	binary.LittleEndian.PutUint32(head[4:], 1)
	binary.LittleEndian.PutUint64(head[8:], facts.SourceHash(magic, []byte(source)))
	return string(head) + "code"
}

// site makes the layers wheels and venvs.
func (l *Locked) site(t testing.TB, p *lock.Platform) {
	var stored, links []imagetest.Entry
	sites := map[string]*venv.SiteTree{}
	for _, w := range p.Wheels {
		blob, err := l.Store.Open(w.SHA256)
		must(t, err)
		defer blob.Close()
		opened, err := wheel.Open(blob, blob.Size(), w.File)
		must(t, err)
		site, err := venv.Site(opened, python)
		must(t, err)
		site.Key = w.StoreKey()
		sites[w.File] = site
		root := strings.TrimPrefix(contract.StorePath, "/") + "/" + site.Key
		for _, f := range site.Files {
			content := string(f.Content)
			if f.Member != nil {
				content = read(t, opened, f)
			}
			stored = append(stored, imagetest.Entry{Name: root + "/" + f.Path, Body: content, Mode: int64(f.Mode)})
			if venv.IsSource(f.Path) {
				stored = append(stored, imagetest.File(root+"/"+python.Bytecode(f.Path), Pyc(content)))
			}
		}
	}
	for _, v := range p.Venvs {
		var mine []*venv.SiteTree
		for _, file := range v.Wheels {
			mine = append(mine, sites[file])
		}
		tree, err := venv.Links(venv.Spec{Path: contract.DefaultVenvPath + "/" + v.Dir, StoreRoot: contract.StorePath, Python: python}, mine)
		must(t, err)
		for _, e := range tree.Entries {
			links = append(links, entry(e))
		}
		for _, name := range v.Links {
			links = append(links, imagetest.Link(strings.TrimPrefix(contract.DefaultVenvPath, "/")+"/"+name, v.Dir))
		}
	}
	l.layer(t, stored)
	l.layer(t, links)
}

func (l *Locked) config(t testing.TB, p *lock.Platform) {
	metadata := contract.Metadata{CLIVersion: l.Lock.CLIVersion}
	for _, v := range p.Venvs {
		metadata.BundledPlugins = append(metadata.BundledPlugins, v.Plugins...)
		metadata.Venvs = append(metadata.Venvs, contract.Venv{Dir: v.Dir, Plugins: v.Plugins, Links: v.Links})
	}
	build := contract.BuildInfo{Tool: "lockforge", CLIVersion: l.Lock.CLIVersion, Python: p.Python, ManifestDigest: l.Lock.Manifest, LockDigest: LockMark}
	venvs := strings.TrimPrefix(contract.DefaultVenvPath, "/")
	l.layer(t, []imagetest.Entry{
		imagetest.File("etc/pip.conf", "[global]\nno-index = true\n"), imagetest.File("etc/uv/uv.toml", "no-index = true\n"),
		imagetest.File(strings.TrimPrefix(contract.BuildInfoPath, "/"), document(t, build)),
		imagetest.File(venvs+"/"+contract.MetadataFile, document(t, metadata)),
		imagetest.File(venvs+"/"+contract.ConstraintsFile, "acryl-datahub==1.7.0\n"),
		{Name: strings.TrimPrefix(contract.StatePath, "/") + "/", Kind: tar.TypeDir, Mode: 0o1777},
	})
	program := strings.TrimPrefix(contract.ExecutorPath, "/")
	l.layer(t, []imagetest.Entry{
		imagetest.Exec(program, "the executor"),
		imagetest.Link(strings.TrimPrefix(contract.StartLink, "/"), program),
		imagetest.Link(strings.TrimPrefix(contract.HealthLink, "/"), program),
	})
}

// layer adds a layer of entries and of the directories above them.
func (l *Locked) layer(t testing.TB, entries []imagetest.Entry) {
	t.Helper()
	var all []imagetest.Entry
	seen := map[string]bool{}
	for _, e := range entries {
		seen[strings.TrimSuffix(e.Name, "/")] = e.Kind == tar.TypeDir
	}
	for _, e := range entries {
		var above []string
		for dir := path.Dir(strings.TrimSuffix(e.Name, "/")); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			above = append(above, dir)
		}
		for n := len(above) - 1; n >= 0; n-- {
			all = append(all, imagetest.Dir(above[n]))
		}
		all = append(all, e)
	}
	l.Image.Layers = append(l.Image.Layers, imagetest.Layer{Entries: all})
}

func entry(e venv.Entry) imagetest.Entry {
	switch e.Type {
	case venv.Dir:
		mode := int64(e.Mode.Perm())
		if e.Mode&fs.ModeSticky != 0 {
			mode |= 0o1000
		}
		return imagetest.Entry{Name: e.Path + "/", Kind: tar.TypeDir, Mode: mode}
	case venv.Link:
		return imagetest.Link(e.Path, e.Target)
	}
	return imagetest.Entry{Name: e.Path, Body: e.Content, Mode: int64(e.Mode)}
}

func read(t testing.TB, w *wheel.Wheel, f venv.File) string {
	t.Helper()
	var buf bytes.Buffer
	_, err := w.Copy(&buf, f.Member)
	must(t, err)
	sum := sha256.Sum256(buf.Bytes())
	if hex.EncodeToString(sum[:]) != f.SHA256 {
		t.Fatalf("%s has another hash", f.Path)
	}
	return buf.String()
}

func document(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
