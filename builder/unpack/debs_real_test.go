package unpack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// imports needs every shared library of the base and every generated file: it
// runs without a shell, network or environment, as the image's user.
const imports = `
import ssl, sqlite3, ctypes, lzma, bz2, readline, zoneinfo, uuid, hashlib, curses, decimal, asyncio, multiprocessing, zlib, mmap, resource
import locale, os, pwd, grp, socket, sys, importlib.util, time, dbm.dumb, pdb, unittest, pydoc
assert len(ssl.create_default_context().get_ca_certs()) > 100
assert str(zoneinfo.ZoneInfo("Europe/Berlin")) == "Europe/Berlin" and len(zoneinfo.available_timezones()) > 400
assert pwd.getpwuid(os.getuid()).pw_name == "datahub" and grp.getgrgid(os.getgid()).gr_name == "datahub"
assert socket.gethostbyname("localhost") == "127.0.0.1"
assert time.tzname[0] == "UTC"
assert locale.setlocale(locale.LC_ALL, "C.UTF-8") == "C.UTF-8"
ctypes.CDLL("libstdc++.so.6"); ctypes.CDLL("libgcc_s.so.1")
for name in sys.argv[1:]: ctypes.CDLL(name)
gone = [m for m in ("venv", "ensurepip", "distutils", "lib2to3", "idlelib", "tkinter", "test", "sitecustomize", "pip", "nis", "_dbm") if importlib.util.find_spec(m)]
assert not gone, gone
try: open("/usr/x", "w")
except OSError: pass
else: raise AssertionError("/usr is writable")
open("/tmp/x", "w").close()
print(sys.version_info[0], sys.version_info[1], sep=".")
`

// TestDebsReal locks each suite live, unpacks it twice and runs the
// interpreter in what comes out.
func TestDebsReal(t *testing.T) {
	if testing.Short() {
		t.Skip("downloads and unpacks 35 MB")
	}
	if os.Geteuid() != 0 {
		testenv.Missing(t, "chroot needs root")
	}
	plugins := map[string]struct{ packages, libraries []string }{
		"trixie": {[]string{"libldap2", "libgssapi-krb5-2", "libodbc2", "libpam0g", "git"},
			[]string{"libldap.so.2", "libgssapi_krb5.so.2", "libodbc.so.2", "libpam.so.0"}},
		"bookworm": {[]string{"libldap-2.5-0", "libgssapi-krb5-2", "libodbc2", "libpam0g"},
			[]string{"libldap-2.5.so.0", "libgssapi_krb5.so.2", "libodbc.so.2", "libpam.so.0"}},
	}
	for suite, plugin := range plugins {
		t.Run(suite, func(t *testing.T) {
			spec, packages, python := lockReal(t, suite, plugin.packages)
			first, second := t.TempDir(), t.TempDir()
			for _, out := range []string{first, second} {
				if err := run([]string{"debs", "-in", debsInput(t, spec, packages), "-out", out}, os.Stderr); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(treeOf(t, first+"/os"), treeOf(t, second+"/os")); diff != "" {
				t.Errorf("two runs differ: %s", diff)
			}
			if diff := cmp.Diff(treeOf(t, first+"/python"), treeOf(t, second+"/python")); diff != "" {
				t.Errorf("two runs differ: %s", diff)
			}
			root := filepath.Join(first, "os")
			if output, err := exec.Command("cp", "-a", filepath.Join(first, "python")+"/.", root).CombinedOutput(); err != nil {
				t.Fatalf("putting both parts together: %v: %s", err, output)
			}
			if got := strings.TrimSpace(inRoot(t, root, nil, append([]string{"/usr/bin/python3", "-I", "-c", imports}, plugin.libraries...)...)); got != python {
				t.Errorf("interpreter is %q, not %s", got, python)
			}
			checkLoaderCache(t, root)
			if suite == "trixie" {
				// A runtime mounts devices; for git any file in the place will do.
				null := filepath.Join(root, "dev/null")
				if err := os.WriteFile(null, nil, 0o666); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(null, 0o666); err != nil {
					t.Fatal(err)
				}
				if got := inRoot(t, root, nil, "/usr/bin/git", "--version"); !strings.HasPrefix(got, "git version 2.") {
					t.Errorf("git says %q", got)
				}
			}
		})
	}
}

// lockReal resolves a suite from this machine's mirrors and fetches its packages.
func lockReal(t *testing.T, suite string, packages []string) (DebsSpec, map[string][]byte, string) {
	t.Helper()
	host := os.DirFS("/")
	mirrors, err := debian.FindMirrors(nil, host)
	if err != nil {
		testenv.Missing(t, "this machine has no OS package mirror: %v", err)
	}
	set, err := index.Discover(&manifest.Manifest{Indexes: manifest.Indexes{Default: &manifest.Index{URL: "https://index.example/simple"}}}, index.Env{})
	if err != nil {
		t.Fatal(err)
	}
	client := index.NewClient(set, index.Options{})
	cache := os.Getenv("LOCKFORGE_TEST_CACHE")
	if cache == "" {
		cache = t.TempDir()
	}
	request := debian.Request{
		Suite: suite, Platform: "linux/" + runtime.GOARCH, Packages: packages,
		Mirrors: debian.AptCredentials(mirrors, host), Getter: client, CacheDir: cache, Now: time.Now(),
	}
	result, err := debian.Resolve(context.Background(), request)
	if fault.Is(err, fault.Network) {
		testenv.Missing(t, "OS package mirror does not answer: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	spec := DebsSpec{Epoch: debsEpoch, Suite: suite, Arch: runtime.GOARCH, User: 1000}
	contents := map[string][]byte{}
	source := debian.NewSource(request.Mirrors, client)
	for _, d := range result.Debs {
		if d.Name == "git" {
			spec.Programs = []string{"git"}
		}
		name := d.Name + ".deb"
		contents[name] = fetchReal(t, source, d, cache)
		spec.Debs = append(spec.Debs, Input{File: name, SHA256: d.SHA256})
	}
	return spec, contents, result.Python
}

func fetchReal(t *testing.T, source *debian.Source, d lock.Deb, cache string) []byte {
	t.Helper()
	cached := filepath.Join(cache, d.SHA256+".deb")
	if content, err := os.ReadFile(cached); err == nil {
		return content
	}
	ctx := context.Background()
	urls, err := source.URLs(ctx, lock.File{Name: d.Name, Origin: debian.Origin(d.Archive), Path: d.Path})
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range urls {
		body, _, err := source.Get(ctx, url, 0)
		if err != nil {
			t.Log(err)
			continue
		}
		content, err := io.ReadAll(body)
		body.Close()
		if sum := sha256.Sum256(content); err != nil || int64(len(content)) != d.Size || hex.EncodeToString(sum[:]) != d.SHA256 {
			t.Fatalf("%s has %d bytes and another hash: %v", d.Name, len(content), err)
		}
		if err := os.WriteFile(cached, content, 0o644); err != nil {
			t.Fatal(err)
		}
		return content
	}
	t.Fatalf("no mirror has %s", d.Path)
	return nil
}

// inRoot runs a program of a root file system without network, as user 1000.
func inRoot(t *testing.T, root string, env []string, argv ...string) string {
	t.Helper()
	if err := os.Chmod(filepath.Dir(root), 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(argv[0], argv[1:]...)
	command.Path = argv[0]
	command.Dir = "/"
	command.Env = env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Chroot: root, Cloneflags: syscall.CLONE_NEWNET, Credential: &syscall.Credential{Uid: 1000, Gid: 1000},
	}
	if err := command.Run(); err != nil {
		t.Fatalf("running %s: %v\n%s", argv[0], err, stderr.String())
	}
	return stdout.String() + stderr.String()
}

// checkLoaderCache asks the real loader what it finds through the cache, which
// says /usr/lib where the loader's own search begins with /lib, and ldconfig
// what it reads.
func checkLoaderCache(t *testing.T, root string) {
	t.Helper()
	trace := inRoot(t, root, []string{"LD_DEBUG=libs"}, "/usr/bin/python3", "-I", "-c", "import _sqlite3")
	for _, library := range []string{"libc.so.6", "libm.so.6", "libsqlite3.so.0", "libz.so.1"} {
		_, after, found := strings.Cut(trace, "find library="+library+" ")
		lines := strings.SplitN(after, "\n", 4)
		if !found || len(lines) < 4 || !strings.Contains(lines[1], "search cache=/etc/ld.so.cache") || !strings.Contains(lines[2], "trying file=/usr/lib/") {
			t.Errorf("the loader does not find %s through the cache:\n%s", library, strings.Join(lines, "\n"))
		}
	}
	ldconfig, err := exec.LookPath("ldconfig")
	if err != nil {
		ldconfig = "/usr/sbin/ldconfig"
	}
	listed, err := exec.Command(ldconfig, "-p", "-C", filepath.Join(root, "etc/ld.so.cache")).CombinedOutput()
	if err != nil || !strings.Contains(string(listed), "libc.so.6 (libc6,") {
		t.Errorf("ldconfig cannot read the cache: %v\n%s", err, listed)
	}
}
