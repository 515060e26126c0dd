package debian

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/deb/debtest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

// baseIndex is a small archive with everything an image starts from.
var baseIndex = strings.Join([]string{
	stanza("python3.13-minimal", "3.13.5-2", "Source: python3.13", "Pre-Depends: libc6 (>= 2.38)", "Depends: libpython3.13-minimal (= 3.13.5-2)"),
	stanza("libpython3.13-minimal", "3.13.5-2", "Depends: libc6, libssl3 (>= 3.4.0)"),
	stanza("libpython3.13-stdlib", "3.13.5-2", "Depends: libpython3.13-minimal (= 3.13.5-2), media-types | mime-support, libdb5.3t64"),
	stanza("libssl3t64", "3.5.7-1", "Source: openssl (3.5.7-1+x)", "Provides: libssl3 (= 3.5.7-1)", "Depends: libc6"),
	stanza("libc6", "2.41-12", "Depends: libgcc-s1:any"),
	stanza("libgcc-s1", "14.2.0-19", "Depends: gcc-14-base (= 14.2.0-19), libc6 (>= 2.35)"),
	stanza("libstdc++6", "14.2.0-19", "Depends: gcc-14-base, libc6, libgcc-s1"),
	stanza("zlib1g", "1:1.3-1", "Depends: libc6"),
	stanza("ca-certificates", "20250419", "Depends: openssl (>= 1.1.1), debconf (>= 0.5) | debconf-2.0"),
	stanza("tzdata", "2026c-0", "Depends: debconf (>= 0.5) | debconf-2.0"),
	stanza("libc-bin", "2.41-12", "Depends: libc6 (>> 2.41), libc6 (<< 2.42)"),
	stanza("libother", "1.0", "Depends: absent | libvirtual (>= 2)"),
	stanza("libprovider-a", "1.0", "Provides: libvirtual"),
	stanza("libprovider-b", "1.0", "Provides: libvirtual (= 2.1)"),
	stanza("libbroken", "1.0", "Depends: absent (>= 1), libc6 (>= 9)"),
	strings.Replace(stanza("zlib1g", "9:9"), "amd64\nFilename", "arm64\nFilename", 1),
}, "")

func publishAll(m *mirror) {
	m.publish("trixie", Main, baseIndex, map[string]string{"Valid-Until": ""})
	m.publish("trixie", Updates, stanza("tzdata", "2026f-0", "Depends: debconf (>= 0.5) | debconf-2.0"), nil)
	m.publish("trixie", Security, stanza("libssl3t64", "3.5.7-1~deb13u1", "Provides: libssl3 (= 3.5.7-1~deb13u1)")+stanza("zlib1g", "1:1.3-1+deb13u1", "Depends: libc6"), nil)
}

func names(debs []lock.Deb) []string {
	var list []string
	for _, d := range debs {
		list = append(list, d.Name+" "+d.Version+" "+d.Archive)
	}
	return list
}

func TestResolve(t *testing.T) {
	m := newMirror(t)
	publishAll(m)
	request := m.request(t)
	request.Packages = []string{"libother"}
	got, err := Resolve(context.Background(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ca-certificates 20250419 main", "libc-bin 2.41-12 main", "libc6 2.41-12 main", "libgcc-s1 14.2.0-19 main", "libother 1.0 main",
		"libprovider-b 1.0 main", "libpython3.13-minimal 3.13.5-2 main", "libpython3.13-stdlib 3.13.5-2 main", "libssl3t64 3.5.7-1 main",
		"libstdc++6 14.2.0-19 main", "python3.13-minimal 3.13.5-2 main", "tzdata 2026f-0 updates", "zlib1g 1:1.3-1+deb13u1 security",
	}
	if diff := cmp.Diff(want, names(got.Debs)); diff != "" {
		t.Error(diff)
	}
	base := lock.Base{Suite: "trixie", Archives: []lock.Archive{
		{Name: "main", Date: "2026-11-20T00:12:42Z"}, {Name: "security", Date: "2026-11-20T00:12:42Z"}, {Name: "updates", Date: "2026-11-20T00:12:42Z"},
	}}
	if diff := cmp.Diff(base, got.Base); diff != "" || got.Python != "3.13" {
		t.Error(got.Python, diff)
	}
	ssl := got.Debs[8]
	if ssl.Source != "openssl" || ssl.Path != "pool/main/libssl3t64_3.5.7-1_amd64.deb" || ssl.Size != 1010 || len(ssl.SHA256) != 64 {
		t.Errorf("package is %+v", ssl)
	}
	excluded := map[string][]string{}
	for _, e := range got.Excluded {
		excluded[e.Package] = e.NeededBy
		if e.Reason == "" {
			t.Errorf("%s has no reason", e.Package)
		}
	}
	wantExcluded := map[string][]string{
		"debconf": {"ca-certificates", "tzdata"}, "openssl": {"ca-certificates"}, "gcc-14-base": {"libgcc-s1", "libstdc++6"},
		"libdb5.3t64": {"libpython3.13-stdlib"}, "media-types": {"libpython3.13-stdlib"},
	}
	if diff := cmp.Diff(wantExcluded, excluded); diff != "" {
		t.Error(diff)
	}

	t.Run("the cache serves the indexes", func(t *testing.T) {
		m.asked = nil
		again, err := Resolve(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
		if slices.ContainsFunc(m.asked, func(p string) bool { return strings.Contains(p, "Packages") || strings.Contains(p, "by-hash") }) {
			t.Errorf("asked for %v", m.asked)
		}
	})
	t.Run("a damaged cache is fetched again", func(t *testing.T) {
		files, err := filepath.Glob(filepath.Join(request.CacheDir, "debian", "*.xz"))
		if err != nil || len(files) != 3 {
			t.Fatal(files, err)
		}
		for _, f := range files {
			if err := os.WriteFile(f, []byte("damaged"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		again, err := Resolve(context.Background(), request)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Error(diff)
		}
	})
}

func TestResolveRefuses(t *testing.T) {
	cases := map[string]struct {
		change func(t *testing.T, m *mirror, r *Request)
		kind   fault.Kind
	}{
		"unknown suite":    {func(_ *testing.T, _ *mirror, r *Request) { r.Suite = "sarge" }, fault.Usage},
		"unknown platform": {func(_ *testing.T, _ *mirror, r *Request) { r.Platform = "linux/riscv64" }, fault.Usage},
		"no mirror":        {func(_ *testing.T, _ *mirror, r *Request) { r.Mirrors = Mirrors{} }, fault.Usage},
		"mirror down":      {func(_ *testing.T, m *mirror, _ *Request) { clear(m.files) }, fault.Network},
		"unknown package":  {func(_ *testing.T, _ *mirror, r *Request) { r.Packages = []string{"libnothing"} }, fault.Resolve},
		"unmet dependency": {func(_ *testing.T, _ *mirror, r *Request) { r.Packages = []string{"libbroken"} }, fault.Resolve},
		"wrong key":        {func(t *testing.T, m *mirror, r *Request) { r.keys = nil }, fault.Signature},
		"wrong suite's InRelease": {func(t *testing.T, m *mirror, _ *Request) {
			m.publish("bookworm", Main, baseIndex, nil)
			m.files["dists/trixie/InRelease"] = m.files["dists/bookworm/InRelease"]
		}, fault.Integrity},
		"rollback": {func(_ *testing.T, _ *mirror, r *Request) {
			r.Previous = []lock.Archive{{Name: "security", Date: "2026-11-21T00:00:00Z"}}
		}, fault.Integrity},
		"other index": {func(_ *testing.T, m *mirror, _ *Request) {
			m.files[m.index("trixie", Main)] = m.files[m.index("trixie", Updates)]
		}, fault.Integrity},
		"longer index": {func(_ *testing.T, m *mirror, _ *Request) {
			name := m.index("trixie", Main)
			m.files[name] = append(m.files[name], "more"...)
		}, fault.Integrity},
		"no index listed": {func(t *testing.T, m *mirror, r *Request) { r.Platform = "linux/arm64" }, fault.Integrity},
		"size missing": {func(_ *testing.T, m *mirror, _ *Request) {
			m.publish("trixie", Updates, "Package: a\nVersion: 1\nArchitecture: all\n", nil)
		}, fault.Integrity},
		"path that climbs": {func(_ *testing.T, m *mirror, _ *Request) {
			m.publish("trixie", Updates, strings.Replace(stanza("a", "1"), "pool/main", "../../x", 1), nil)
		}, fault.Integrity},
		"invalid version": {func(_ *testing.T, m *mirror, _ *Request) { m.publish("trixie", Updates, stanza("a", "1_0"), nil) }, fault.Integrity},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := newMirror(t)
			publishAll(m)
			request := m.request(t)
			c.change(t, m, &request)
			_, err := Resolve(context.Background(), request)
			if fault.KindOf(err) != c.kind {
				t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
			}
		})
	}
}

// TestSecondMirror has a first mirror that is down and one that lies: the
// third serves, and the lie is not silently accepted where it is the last.
func TestSecondMirror(t *testing.T) {
	down, lying, good := newMirror(t), newMirror(t), newMirror(t)
	publishAll(good)
	lying.key = good.key
	publishAll(lying)
	lying.files["dists/trixie/InRelease"] = []byte("Origin: Debian\n")
	request := good.request(t)
	join := func(ms ...*mirror) (list []Mirror) {
		for _, m := range ms {
			list = append(list, m.mirrors(t).Main...)
		}
		return list
	}
	request.Mirrors = Mirrors{Main: join(down, lying, good), Security: join(good)}
	if _, err := Resolve(context.Background(), request); err != nil {
		t.Error(err)
	}
	request.Mirrors.Main = join(down, lying)
	if _, err := Resolve(context.Background(), request); fault.KindOf(err) != fault.Signature {
		t.Errorf("error is of kind %s: %v", fault.KindOf(err), err)
	}
}

// TestIndexBomb reads a small index that unpacks to more than is allowed.
func TestIndexBomb(t *testing.T) {
	bomb := debtest.Compress(t, debtest.XZ, []byte(strings.Repeat("X-Padding: "+strings.Repeat("a", 1<<16)+"\n\n", 64)))
	if len(bomb) > 1<<16 {
		t.Fatalf("bomb has %d bytes", len(bomb))
	}
	if err := newCatalog("amd64").unpack(bomb, Main, 1<<20); !fault.Is(err, fault.Integrity) {
		t.Errorf("accepted, or another kind: %v", err)
	}
}
