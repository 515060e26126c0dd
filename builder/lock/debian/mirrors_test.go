package debian

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
)

func file(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }

func TestFindMirrors(t *testing.T) {
	host := fstest.MapFS{
		"etc/apt/sources.list": file("# comment\ndeb [arch=amd64 signed-by=/x] http://one.example/debian bookworm main # trailing\n" +
			"deb-src http://source.example/debian bookworm main\ndeb http://one.example/debian/ bookworm-updates main\n" +
			"deb http://one.example/security bookworm-security main\ndeb https://foreign.example/apt nodistro main\ndeb cdrom:[x]/ bookworm main\n"),
		"etc/apt/sources.list.d/b.sources": file("# comment\nTypes: deb deb-src\nURIs: http://two.example/debian\n  https://user:secret@three.example/debian\n# inside\n" +
			"Suites: stable stable-updates\nComponents: main\nCheck-Valid-Until: no\n\nEnabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: stable\n\n" +
			"Types: deb-src\nURIs: http://source.example/debian\nSuites: stable\n\nTypes: deb\nURIs: http://two.example/security\nSuites: trixie-security\n"),
		"etc/apt/sources.list.d/old.save": file("deb http://saved.example/debian trixie main\n"),
	}
	fromHost := []string{
		"debian http://one.example/debian (etc/apt/sources.list)",
		"debian http://two.example/debian (etc/apt/sources.list.d/b.sources)",
		"debian https://three.example/debian (etc/apt/sources.list.d/b.sources)",
	}
	securityFromHost := []string{
		"debian-security http://one.example/security (etc/apt/sources.list)",
		"debian-security http://two.example/security (etc/apt/sources.list.d/b.sources)",
	}
	cases := map[string]struct {
		manifest *manifest.Debian
		want     []string
	}{
		"host":     {nil, append(fromHost[:3:3], securityFromHost...)},
		"no lists": {&manifest.Debian{Suite: "trixie"}, append(fromHost[:3:3], securityFromHost...)},
		"manifest, main only": {&manifest.Debian{Mirrors: []string{"https://me:pass@own.example/debian"}},
			append([]string{"debian https://own.example/debian (manifest)"}, securityFromHost...)},
		"manifest": {&manifest.Debian{Mirrors: []string{"http://a.example/d"}, SecurityMirrors: []string{"http://a.example/s", "http://b.example/s"}},
			[]string{"debian http://a.example/d (manifest)", "debian-security http://a.example/s (manifest)", "debian-security http://b.example/s (manifest)"}},
	}
	t.Run("one root for everything", func(t *testing.T) {
		got, err := FindMirrors(&manifest.Debian{Mirrors: []string{"http://a.example/all"}}, fstest.MapFS{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"debian http://a.example/all (manifest)", "debian-security http://a.example/all (manifest)"}, got.Describe()); diff != "" {
			t.Error(diff)
		}
	})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := FindMirrors(c.manifest, host)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Describe()); diff != "" {
				t.Error(diff)
			}
		})
	}

	refused := map[string]struct {
		manifest *manifest.Debian
		host     fstest.MapFS
	}{
		"nothing anywhere": {nil, fstest.MapFS{}},
		"security only":    {nil, fstest.MapFS{"etc/apt/sources.list": file("deb http://one.example/s trixie-security main\n")}},
		"no URL":           {&manifest.Debian{Mirrors: []string{"mirror"}}, host},
		"file URL":         {&manifest.Debian{Mirrors: []string{"file:///srv/debian"}}, host},
		"malformed":        {&manifest.Debian{Mirrors: []string{"http://user:secret@bad host/"}}, host},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			_, err := FindMirrors(c.manifest, c.host)
			if fault.KindOf(err) != fault.Usage {
				t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("password in %q", err)
			}
		})
	}
}

func TestAptCredentials(t *testing.T) {
	mirrors, err := FindMirrors(&manifest.Debian{
		Mirrors:         []string{"https://one.example/debian", "http://one.example/debian", "https://own:key@two.example/debian"},
		SecurityMirrors: []string{"http://plain.example/security", "https://one.example/other"},
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	host := fstest.MapFS{
		"etc/apt/auth.conf":               file("machine one.example/debian login alice password secret\nmachine two.example login bob password x\n"),
		"etc/apt/auth.conf.d/plain.conf":  file("machine http://plain.example\n  login carol\n  password p@ss\n"),
		"etc/apt/auth.conf.d/ignored.txt": file("machine one.example login eve password x\n"),
	}
	with := AptCredentials(mirrors, host)
	var got []string
	for _, archive := range []ArchiveName{Main, Security} {
		for _, m := range with.of(archive) {
			got = append(got, m.join("x"))
			if strings.Contains(m.String(), "@") {
				t.Errorf("%s shows credentials", m)
			}
		}
	}
	want := []string{
		"https://alice:secret@one.example/debian/x", "http://one.example/debian/x", "https://own:key@two.example/debian/x",
		"http://carol:p%40ss@plain.example/security/x", "https://one.example/other/x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSource(t *testing.T) {
	mirrors, err := FindMirrors(&manifest.Debian{
		Mirrors: []string{"http://a.example/debian", "http://b.example/debian/"}, SecurityMirrors: []string{"http://s.example/security"},
	}, fstest.MapFS{})
	if err != nil {
		t.Fatal(err)
	}
	s := NewSource(mirrors, nil)
	cases := map[string][]string{
		"debian:main":     {"http://a.example/debian/pool/a+b.deb", "http://b.example/debian/pool/a+b.deb"},
		"debian:updates":  {"http://a.example/debian/pool/a+b.deb", "http://b.example/debian/pool/a+b.deb"},
		"debian:security": {"http://s.example/security/pool/a+b.deb"},
	}
	for origin, want := range cases {
		got, err := s.URLs(context.Background(), lock.File{Name: "a.deb", Origin: origin, Path: "pool/a+b.deb"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	if _, _, err := NewSource(mirrors, newGetter(t)).Get(context.Background(), newMirror(t).url+"/pool/gone.deb", 0); !fault.Is(err, fault.Network) || len(fault.Hints(err)) == 0 {
		t.Errorf("a package that left the mirror has no hint: %v", err)
	}
	for _, f := range []lock.File{
		{Origin: "debian:other", Path: "pool/a"}, {Origin: "default", Path: "pool/a"}, {Origin: "debian:main"},
		{Origin: "debian:main", Path: "/pool/a"}, {Origin: "debian:main", Path: "../a"}, {Origin: "debian:main", Path: "pool/../../a"},
	} {
		if _, err := s.URLs(context.Background(), f); fault.KindOf(err) != fault.LockDrift {
			t.Errorf("%+v: error is of kind %s", f, fault.KindOf(err))
		}
	}
}
