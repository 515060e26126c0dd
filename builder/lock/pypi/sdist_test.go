package pypi

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/store"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

// sdistOf makes a .tar.gz with one top folder, from pairs of name and content.
func sdistOf(t testing.TB, top string, pairs ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	a := tar.NewWriter(z)
	for i := 0; i < len(pairs); i += 2 {
		if err := a.WriteHeader(&tar.Header{Name: top + "/" + pairs[i], Mode: 0o644, Size: int64(len(pairs[i+1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte(pairs[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tinyBuilder stands for the build step: it makes a wheel that requires what
// the test says.
type tinyBuilder struct {
	t        testing.TB
	store    *store.Store
	requires []string
	tag      string
	builds   atomic.Int64
	tools    []string
}

func (b *tinyBuilder) BuildWheel(_ context.Context, s lock.Sdist, tools []lock.Wheel) (sha, file string, size int64, err error) {
	b.builds.Add(1)
	b.tools = nil
	for _, tool := range tools {
		b.tools = append(b.tools, tool.File)
	}
	if !b.store.Has(s.SHA256, s.Size) {
		b.t.Errorf("the sdist is not in the store")
	}
	w := wheeltest.New(s.Name, s.Version).Requires(b.requires...).File(s.Name+".py", "x = 1\n")
	if b.tag != "" {
		w = w.Tag(b.tag)
	}
	content := w.Bytes(b.t)
	sha, err = b.store.PutBytes(content)
	return sha, w.Filename(), int64(len(content)), err
}

func sdistWorld(t *testing.T) (*world, *tinyBuilder) {
	w := newWorld(t)
	b := &tinyBuilder{t: t, store: w.store, requires: []string{"lib<2"}}
	w.builder = b
	w.index.add(t, wheelOf("setuptools", "84.0"))
	w.index.add(t, wheelOf("setuptools", "85.0rc1"))
	w.index.add(t, wheelOf("wheel", "0.48.0"))
	w.index.add(t, wheelOf("lib", "1.0"))
	w.index.add(t, wheelOf("lib", "2.0"))
	w.index.add(t, wheelOf("app", "1.0", "oldlib"))
	w.venv("a-bundled", []string{"a"}, nil, "app", "lib")
	return w, b
}

func TestSdistIsBuilt(t *testing.T) {
	t.Parallel()
	w, b := sdistWorld(t)
	w.index.put(&fakeFile{name: "oldlib-1.0.tar.gz", content: sdistOf(t, "oldlib-1.0", "setup.py", "import setuptools\n")})
	source := sdistOf(t, "oldlib-1.1", "setup.py", "import setuptools\n", "tests/data.c", "int x;\n")
	w.index.put(&fakeFile{name: "oldlib-1.1.tar.gz", content: source})
	w.index.put(&fakeFile{name: "oldlib-1.1-py2-none-any.whl", content: wheelOf("oldlib", "1.1").Tag("py2-none-any").Bytes(t)})
	w.index.put(&fakeFile{name: "oldlib-1.2.tar.gz", content: source, yanked: "bad"})
	r := w.mustResolve()
	wantWheels(t, r, "default app-1.0-py3-none-any.whl", "default lib-1.0-py3-none-any.whl", "sdist oldlib-1.1-py3-none-any.whl")
	p := r.Platforms[0]
	want := []lock.Sdist{{Name: "oldlib", Version: "1.1", File: "oldlib-1.1.tar.gz", Index: "default", Size: int64(len(source)), SHA256: sumOf(source)}}
	if diff := cmp.Diff(want, p.Sdists); diff != "" {
		t.Errorf("sdists (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"setuptools-84.0-py3-none-any.whl", "wheel-0.48.0-py3-none-any.whl"}, b.tools); diff != "" {
		t.Errorf("tools (-want +got):\n%s", diff)
	}
	if len(p.BuildTools) != 2 {
		t.Errorf("%d tools, want 2", len(p.BuildTools))
	}
	builds := b.builds.Load()
	first, err := lock.Marshal(w.locked(r))
	if err != nil {
		t.Fatal(err)
	}
	w.request.Previous = w.locked(r)
	w.index.add(t, wheelOf("setuptools", "86.0"))
	second, err := lock.Marshal(w.locked(w.mustResolve()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(second)); diff != "" || b.builds.Load() != builds {
		t.Errorf("%d further builds; the second lock differs:\n%s", b.builds.Load()-builds, diff)
	}
}

func TestSdistsThatAreRefused(t *testing.T) {
	t.Parallel()
	setup := []string{"setup.py", "import setuptools\n"}
	tests := []struct {
		name    string
		content []byte
		tag     string
		kind    fault.Kind
		says    []string
	}{
		{
			"C sources", sdistOf(t, "oldlib-1.0", append(setup, "Modules/ldap.c", "#include <stdio.h>\n#include <lber.h>\n# include \"own.h\"\n", "Modules/own.h", "")...),
			"", fault.Resolve, []string{"Modules/ldap.c", "headers lber.h", "wheels:"},
		},
		{
			"Cython", sdistOf(t, "oldlib-1.0", append(setup, "gssapi/raw.pyx", "cdef extern from \"gssapi/gssapi.h\":\n")...),
			"", fault.Resolve, []string{"gssapi/raw.pyx", "gssapi/gssapi.h"},
		},
		{"compiled all the same", sdistOf(t, "oldlib-1.0", setup...), "cp313-cp313-linux_x86_64", fault.Resolve, []string{"cp313-cp313-linux_x86_64"}},
		{"no gzip", []byte("<html>"), "", fault.Integrity, []string{"oldlib-1.0.tar.gz"}},
		{"member outside", sdistOf(t, "oldlib-1.0", "../../etc/x", ""), "", fault.Integrity, []string{"oldlib-1.0.tar.gz"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w, b := sdistWorld(t)
			b.tag = test.tag
			w.index.put(&fakeFile{name: "oldlib-1.0.tar.gz", content: test.content})
			_, err := w.resolve()
			wantFault(t, err, test.kind, append(test.says, "a-bundled")...)
			if b.builds.Load() != 0 && test.tag == "" {
				t.Error("it was built")
			}
		})
	}
}

func TestSdistWithoutBuilder(t *testing.T) {
	t.Parallel()
	w, _ := sdistWorld(t)
	w.builder = nil
	w.index.put(&fakeFile{name: "oldlib-1.0.tar.gz", content: sdistOf(t, "oldlib-1.0", "setup.py", "")})
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "oldlib", "wheels:")
}

func FuzzScanSdist(f *testing.F) {
	f.Add(sdistOf(f, "x-1", "setup.py", "x", "a.c", "#include <a.h>\n"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := scanSdist(bytes.NewReader(data))
		if err != nil {
			return
		}
		for _, name := range found.sources {
			if strings.HasPrefix(name, "/") || strings.Contains(name, "..") && strings.HasPrefix(name, "../") {
				t.Errorf("a source outside: %q", name)
			}
		}
	})
}
