package pypi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/manifest"
)

func wantWheels(t *testing.T, r *Result, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, wheels(r)); diff != "" {
		t.Errorf("wheels (-want +got):\n%s", diff)
	}
}

// wantFault checks the kind of an error, and that its text or hints name things.
func wantFault(t *testing.T, err error, kind fault.Kind, names ...string) {
	t.Helper()
	if fault.KindOf(err) != kind {
		t.Fatalf("got %v error %v, want kind %v", fault.KindOf(err), err, kind)
	}
	text := err.Error() + "\n" + strings.Join(fault.Hints(err), "\n")
	for _, name := range names {
		if !strings.Contains(text, name) {
			t.Errorf("%q is not named in:\n%s", name, text)
		}
	}
}

func TestNamesBelongToOneIndex(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("base-lib", "2.0", "acme-core>=1"))
	w.index.add(t, wheelOf("acme-core", "99.0"))
	w.index.add(t, wheelOf("acme-crm", "66.0"))
	w.acme.add(t, wheelOf("acme-core", "1.5"))
	w.acme.add(t, wheelOf("acme-crm", "2.1", "base-lib"))
	w.acme.add(t, wheelOf("base-lib", "77.0"))
	w.venv("crm-bundled", []string{"crm"}, nil, "acme-crm")
	wantWheels(t, w.mustResolve(), "acme acme_core-1.5-py3-none-any.whl", "acme acme_crm-2.1-py3-none-any.whl", "default base_lib-2.0-py3-none-any.whl")
	for _, project := range w.index.asked {
		if strings.HasPrefix(project, "acme") {
			t.Errorf("the default index was asked for %s", project)
		}
	}
}

func TestPrivateNameIsNotTakenFromTheDefault(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("acme-core", "99.0"))
	w.index.add(t, wheelOf("base-lib", "2.0", "acme-core"))
	w.venv("crm-bundled", []string{"crm"}, nil, "base-lib")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "acme-core", "crm-bundled")
}

func TestYankedFilesAreNotUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("lib", "1.0"))
	w.index.add(t, wheelOf("lib", "1.1")).yanked = "broken"
	w.venv("a-bundled", []string{"a"}, nil, "lib")
	wantWheels(t, w.mustResolve(), "default lib-1.0-py3-none-any.whl")

	w.plan.Venvs[0].Requirements = []string{"lib==1.1"}
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "lib==1.1", "yanked", "broken")
}

func TestCooldown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.manifest.Resolve.CooldownDays = 7
	w.index.add(t, wheelOf("lib", "1.0")).uploaded = now.AddDate(0, 0, -8)
	w.index.add(t, wheelOf("lib", "1.1")).uploaded = now.AddDate(0, 0, -6)
	w.venv("a-bundled", []string{"a"}, nil, "lib")
	wantWheels(t, w.mustResolve(), "default lib-1.0-py3-none-any.whl")

	w.index.add(t, wheelOf("lib", "0.9"))
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "lib-0.9", "upload time", "cooldown")
}

func TestRequirementsThatCannotBeLocked(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"lib @ https://u:hunter2@mirror.example/lib-1.0-py3-none-any.whl", "git+https://mirror.example/lib", "-e .", "./lib", "/srv/lib",
		"--index-url=https://mirror.example", "lib\nother", "-r other.txt", "lib # note", "file:lib.whl", "lib @ file:///lib.whl",
	} {
		w := newWorld(t)
		w.venv("a-bundled", []string{"a"}, nil, text)
		_, err := w.resolve()
		wantFault(t, err, fault.Resolve, "a-bundled")
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("a password is in: %v", err)
		}
		w = newWorld(t)
		w.venv("a-bundled", []string{"a"}, nil, "lib")
		w.manifest.CLI.ConstraintLines = []manifest.Constraint{{Requirement: text, Pos: fault.Pos{File: "c.txt", Line: 3}}}
		_, err = w.resolve()
		wantFault(t, err, fault.Resolve, "c.txt:3")
		if w.index.hits.Load() != 0 {
			t.Errorf("%q: an index was asked", text)
		}
	}
}

func TestConstraints(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, version := range []string{"1.0", "1.1", "2.0"} {
		w.index.add(t, wheelOf("lib", version))
	}
	w.index.add(t, wheelOf("app", "3.0", "lib>=1"))
	w.venv("a-bundled", []string{"a"}, nil, "app")
	constrain := func(lines ...string) {
		w.manifest.CLI.ConstraintLines = nil
		for i, text := range lines {
			w.manifest.CLI.ConstraintLines = append(w.manifest.CLI.ConstraintLines,
				manifest.Constraint{Requirement: text, Pos: fault.Pos{File: "constraints.txt", Line: i + 1}})
		}
	}
	constrain("lib==1.1", "unrelated==9")
	wantWheels(t, w.mustResolve(), "default app-3.0-py3-none-any.whl", "default lib-1.1-py3-none-any.whl")

	constrain("unrelated==9", "lib==1.7", "app==3.0")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "constraints.txt:2", "lib==1.7", "no such version")
	if strings.Contains(err.Error(), "constraints.txt:1") || strings.Contains(err.Error(), "constraints.txt:3") {
		t.Errorf("innocent lines are named: %v", err)
	}

	constrain("unrelated==9", "app>=1", "lib<1")
	_, err = w.resolve()
	wantFault(t, err, fault.Resolve, "constraints.txt:3", "lib<1", "plugin a")
	if strings.Contains(err.Error(), "constraints.txt:2") {
		t.Errorf("an innocent line is named: %v", err)
	}
}

func TestWheelIsChosenByTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tag := range []string{
		"cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64", "cp313-cp313-manylinux_2_28_x86_64", "cp313-cp313-musllinux_1_2_x86_64",
		"cp312-cp312-manylinux_2_28_x86_64", "cp313-cp313t-manylinux_2_28_x86_64", "cp313-cp313-manylinux_2_99_x86_64",
		"cp313-cp313-manylinux_2_17_aarch64", "cp313-cp313-win_amd64", "cp39-abi3-manylinux_2_17_x86_64", "py3-none-any",
	} {
		w.index.add(t, wheelOf("native", "1.0").Tag(tag))
	}
	w.plan.Platforms = []string{"linux/arm64", "linux/amd64"}
	w.venv("a-bundled", []string{"a"}, nil, "native")
	r := w.mustResolve()
	wantWheels(t, r, "default native-1.0-cp313-cp313-manylinux_2_28_x86_64.whl")
	if got := r.Platforms[1].Wheels[0].File; got != "native-1.0-cp313-cp313-manylinux_2_17_aarch64.whl" {
		t.Errorf("arm64 got %s", got)
	}
}

func TestLocalWheelIsExclusive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("private", "9.0"))
	content := wheelOf("private", "1.0").Bytes(t)
	if err := os.WriteFile(filepath.Join(w.request.Dir, "private-1.0-py3-none-any.whl"), content, 0o644); err != nil {
		t.Fatal(err)
	}
	w.manifest.Wheels = []manifest.Wheel{{Path: "private-1.0-py3-none-any.whl", SHA256: sumOf(content)}}
	w.venv("a-bundled", []string{"a"}, nil, "private")
	wantWheels(t, w.mustResolve(), "local private-1.0-py3-none-any.whl")

	w.manifest.Wheels[0].SHA256 = strings.Repeat("0", 64)
	_, err := w.resolve()
	wantFault(t, err, fault.Integrity, "private-1.0-py3-none-any.whl")
}

func TestInstallersAreExceptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("app", "1.0", "pip>=20", "lib"))
	w.index.add(t, wheelOf("lib", "1.0", "setuptools", "virtualenv"))
	w.index.add(t, wheelOf("pip", "26.0"))
	w.index.add(t, wheelOf("setuptools", "84.0"))
	w.index.add(t, wheelOf("virtualenv", "21.0", "platformdirs", "lib"))
	w.index.add(t, wheelOf("platformdirs", "4.0"))
	w.venv("a-bundled", []string{"a"}, nil, "app")
	r := w.mustResolve()
	wantWheels(t, r, "default app-1.0-py3-none-any.whl", "default lib-1.0-py3-none-any.whl")
	var got []string
	for _, e := range r.Platforms[0].Exceptions {
		got = append(got, e.Name+" "+e.Version+" "+strings.Join(e.NeededBy, ","))
	}
	if diff := cmp.Diff([]string{"pip 26.0 app", "setuptools 84.0 lib", "virtualenv 21.0 lib"}, got); diff != "" {
		t.Errorf("exceptions (-want +got):\n%s", diff)
	}
}

func TestStartupFilesNeedReview(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("app", "1.0").File("app.pth", "import app\n").File("tmp/site-packages/inert.pth", "import x\n").Data("purelib", "sitecustomize.py", "x = 1\n"))
	w.venv("a-bundled", []string{"a"}, nil, "app")
	_, err := w.resolve()
	pth, site := sumOf([]byte("import app\n")), sumOf([]byte("x = 1\n"))
	wantFault(t, err, fault.Resolve, "app.pth", pth, "sitecustomize.py", site)
	if strings.Contains(err.Error(), "inert") {
		t.Errorf("an inert file is named: %v", err)
	}
	w.manifest.Reviewed = []manifest.Review{{File: "app.pth", SHA256: pth, Reason: "imports app only"}, {File: "sitecustomize.py", SHA256: site, Reason: "sets x"}}
	want := []lock.Reviewed{
		{Wheel: "app-1.0-py3-none-any.whl", File: "sitecustomize.py", SHA256: site, Reason: "sets x"},
		{Wheel: "app-1.0-py3-none-any.whl", File: "app.pth", SHA256: pth, Reason: "imports app only"},
	}
	if diff := cmp.Diff(want, w.mustResolve().Platforms[0].Reviewed); diff != "" {
		t.Errorf("reviewed (-want +got):\n%s", diff)
	}
	w.manifest.Reviewed[0].SHA256 = site
	_, err = w.resolve()
	wantFault(t, err, fault.Resolve, "app.pth")
}

func TestPreviousVersionsAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("app", "1.0", "lib"))
	w.index.add(t, wheelOf("lib", "1.0"))
	w.venv("a-bundled", []string{"a"}, nil, "app")
	first := w.locked(w.mustResolve())
	w.index.add(t, wheelOf("app", "1.1", "lib"))
	w.index.add(t, wheelOf("lib", "1.1"))
	w.request.Previous = first
	wantWheels(t, w.mustResolve(), "default app-1.0-py3-none-any.whl", "default lib-1.0-py3-none-any.whl")

	w.venv("b-bundled", []string{"b"}, nil, "lib") // a new venv takes what is there
	wantWheels(t, w.mustResolve(), "default app-1.0-py3-none-any.whl", "default lib-1.0-py3-none-any.whl")

	w.request.Upgrade = []string{"Lib"}
	wantWheels(t, w.mustResolve(), "default app-1.0-py3-none-any.whl", "default lib-1.1-py3-none-any.whl")

	w.request.Upgrade, w.request.UpgradeAll = nil, true
	wantWheels(t, w.mustResolve(), "default app-1.1-py3-none-any.whl", "default lib-1.1-py3-none-any.whl")
}

func TestDeterminism(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("app", "1.0", "lib", "other; python_version<'4'", "pip"))
	w.index.add(t, wheelOf("lib", "1.0"))
	w.index.add(t, wheelOf("pip", "26.0"))
	w.index.add(t, wheelOf("other", "1.0", "lib<2"))
	w.index.add(t, wheelOf("lib", "2.0"))
	w.venv("b-bundled", []string{"b"}, nil, "lib")
	w.venv("a-bundled", []string{"a"}, nil, "app")
	var first []byte
	for i := range 5 {
		w.request.CacheDir = t.TempDir()
		data, err := lock.Marshal(w.locked(w.mustResolve()))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = data
		}
		if diff := cmp.Diff(string(first), string(data)); diff != "" {
			t.Fatalf("run %d differs:\n%s", i, diff)
		}
	}
	for _, part := range []string{w.index.Listener.Addr().String(), "127.0.0.1", w.store.Root()} {
		if bytes.Contains(first, []byte(part)) {
			t.Errorf("the lock holds %q", part)
		}
	}
}

func TestIndexThatLies(t *testing.T) {
	t.Parallel()
	tests := map[string]func(f *fakeFile){
		"another hash":    func(f *fakeFile) { f.sha256 = strings.Repeat("1", 64) },
		"truncated":       func(f *fakeFile) { f.sha256 = sumOf(f.content); f.content = f.content[:len(f.content)-30] },
		"HTML":            func(f *fakeFile) { f.content = []byte("<!DOCTYPE html><html>log in</html>") },
		"other metadata":  func(f *fakeFile) { f.metadata = "Metadata-Version: 2.1\nName: lib\nVersion: 1.0\n" },
		"another version": func(f *fakeFile) { f.name = "lib-1.1-py3-none-any.whl" },
		"not a wheel":     func(f *fakeFile) { f.content = []byte("PK\x05\x06" + strings.Repeat("\x00", 18)) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			change(w.index.add(t, wheelOf("lib", "1.0")))
			w.venv("a-bundled", []string{"a"}, nil, "lib")
			_, err := w.resolve()
			wantFault(t, err, fault.Integrity, "lib-1")
		})
	}
}

func TestIndexDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.venv("a-bundled", []string{"a"}, nil, "lib")
	w.index.Close()
	_, err := w.resolve()
	wantFault(t, err, fault.Network)
}

func TestCredentialsStayHere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	real := w.getenv("LOCKFORGE_UV")
	trace := filepath.Join(t.TempDir(), "seen")
	script := filepath.Join(t.TempDir(), "uv")
	text := "#!/bin/sh\n{ env; echo \"$@\"; cat *.txt *.in 2>/dev/null; } >>" + trace + "\nexec " + real + " \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	w.getenv = func(name string) string {
		switch name {
		case "LOCKFORGE_UV":
			return script
		case "PATH":
			return os.Getenv("PATH")
		}
		t.Errorf("variable %s was read", name)
		return ""
	}
	w.acme.user = "alice"
	w.manifest.Indexes.Extra[0].URL = strings.Replace(w.acme.URL, "://", "://alice:hunter2@", 1) + "/simple"
	w.acme.add(t, wheelOf("acme-crm", "1.0"))
	w.venv("crm-bundled", []string{"crm"}, nil, "acme-crm")
	data, err := lock.Marshal(w.locked(w.mustResolve()))
	if err != nil {
		t.Fatal(err)
	}
	w.plan.Venvs[0].Requirements = []string{"acme-crm>1"}
	_, failure := w.resolve()
	wantFault(t, failure, fault.Resolve, "acme-crm")
	seen, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	what, err := json.Marshal(errors.Join(failure).Error())
	if err != nil {
		t.Fatal(err)
	}
	for where, text := range map[string]string{"uv": string(seen), "the lock": string(data), "an error": string(what)} {
		for _, secret := range []string{"hunter2", "alice", strings.TrimPrefix(w.acme.URL, "http://"), strings.TrimPrefix(w.index.URL, "http://")} {
			if strings.Contains(text, secret) {
				t.Errorf("%q reached %s:\n%s", secret, where, text)
			}
		}
	}
	if strings.Contains(string(seen), "HTTP_PROXY") || strings.Contains(string(seen), "UV_INDEX") || !strings.Contains(string(seen), "NETRC=/dev/null") {
		t.Errorf("uv's environment:\n%s", seen)
	}
	if strings.Contains(string(what), "127.0.0.1") {
		t.Errorf("the router's address is in the error: %s", what)
	}
}

func TestUVVersion(t *testing.T) {
	t.Parallel()
	for version, ok := range map[string]bool{"0.8.24": false, "0.9.0": true, "0.13.9": true, "0.14.0": false, "1.0": false, "": false} {
		if got := uvAccepted(version); got != ok {
			t.Errorf("uv %q accepted: %v", version, got)
		}
	}
	w := newWorld(t)
	w.venv("a-bundled", []string{"a"}, nil, "lib")
	w.getenv = func(string) string { return "" }
	_, err := w.resolve()
	wantFault(t, err, fault.Usage, "LOCKFORGE_UV")
	script := filepath.Join(t.TempDir(), "uv")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho uv 0.8.24\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.getenv = func(string) string { return script }
	_, err = w.resolve()
	wantFault(t, err, fault.Usage, "0.8.24", "0.14")
}

func TestLockedFileIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("native", "1.0"))
	w.venv("a-bundled", []string{"a"}, nil, "native")
	w.request.Previous = w.locked(w.mustResolve())
	w.index.add(t, wheelOf("native", "1.0").Tag("cp313-cp313-manylinux_2_28_x86_64"))
	wantWheels(t, w.mustResolve(), "default native-1.0-py3-none-any.whl")
	w.request.Upgrade = []string{"native"}
	wantWheels(t, w.mustResolve(), "default native-1.0-cp313-cp313-manylinux_2_28_x86_64.whl")
	w.request.Upgrade = []string{"natvie"}
	_, err := w.resolve()
	wantFault(t, err, fault.Usage, "natvie")
}

// A wheel may require another by URL. uv must not follow it past the router.
func TestTransitiveURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.index.add(t, wheelOf("evil", "1.0"))
	elsewhere := newFakeIndex(t)
	elsewhere.add(t, wheelOf("evil", "9.0"))
	w.index.add(t, wheelOf("app", "1.0", "evil @ "+elsewhere.URL+"/files/evil/evil-9.0-py3-none-any.whl"))
	w.venv("a-bundled", []string{"a"}, nil, "app")
	_, err := w.resolve()
	wantFault(t, err, fault.Resolve, "a-bundled")
	if hits := elsewhere.hits.Load(); hits != 0 {
		t.Errorf("%d requests went past the router", hits)
	}
}

func TestInterruption(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.venv("a-bundled", []string{"a"}, nil, "lib")
	script := filepath.Join(t.TempDir(), "uv")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n[ \"$1\" = --version ] && { echo uv 0.13.9; exit; }\nsleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.getenv = func(name string) string {
		if name == "LOCKFORGE_UV" {
			return script
		}
		return os.Getenv(name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	w.ctx = ctx
	start := time.Now()
	_, err := w.resolve()
	wantFault(t, err, fault.Cancelled)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %v to stop", took)
	}
	left, err := filepath.Glob(filepath.Join(w.request.CacheDir, "uv-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}
