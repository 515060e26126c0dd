package probe_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/probetest"
	"github.com/lockforge/lockforge/executor/contract"
)

const closed = "http://127.0.0.1:1/simple"

// locked makes an image that every static probe passes on.
func locked(t testing.TB) *factstest.Locked {
	l := factstest.New(t)
	l.Image.Config = map[string]any{
		"User": "1000:1000", "Entrypoint": []string{contract.ExecutorPath, "run"},
		"Env": []string{
			contract.EnvVenvPath + "=" + contract.DefaultVenvPath, contract.EnvDependencyResolution + "=false", "PATH=/usr/bin",
			"PIP_INDEX_URL=" + closed, "UV_DEFAULT_INDEX=" + closed, "UV_INDEX_URL=" + closed,
			"PIP_EXTRA_INDEX_URL=", "PIP_FIND_LINKS=", "UV_EXTRA_INDEX_URL=", "UV_FIND_LINKS=", "UV_INDEX=",
		},
	}
	for _, p := range []string{"etc/pip.conf", "etc/uv/uv.toml"} {
		l.Edit(t, p, func(e *imagetest.Entry) { e.Body = "index-url = \"" + closed + "\"\n" })
	}
	return l
}

func scan(t testing.TB, ref string) (*probe.Scan, *image.Platform, error) {
	t.Helper()
	img, err := image.Open(context.Background(), ref, image.Options{})
	if err != nil {
		return nil, nil, err
	}
	p, err := img.Platform("linux/amd64")
	if err != nil {
		return nil, nil, err
	}
	s, err := probe.Read(context.Background(), p)
	return s, p, err
}

// elf is a program that starts with nothing but its header, and holds texts.
func elf(texts ...string) string {
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01\x01")
	binary.LittleEndian.PutUint16(head[16:], 2)
	binary.LittleEndian.PutUint16(head[18:], 62)
	return string(head) + strings.Repeat("\x00", 300<<10) + strings.Join(texts, "\x00") + "\x00"
}

func zipped(t testing.TB, members map[string]string) string {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, body := range members {
		m, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Write([]byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

// gzipped compresses a text and then so many MiB of zeros.
func gzipped(t testing.TB, text string, zeros int) string {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	for mib := make([]byte, 1<<20); zeros > 0; zeros-- {
		if _, err := w.Write(mib); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.String()
}

const key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"

const (
	store  = "opt/datahub/store"
	venv   = "opt/datahub/venvs/mysql-bundled"
	stdlib = "usr/lib/python3.13"
)

// evil is an image that one probe has to fail on, and a word of the evidence.
type evil struct {
	probe, name string
	spoil       func(t testing.TB, l *factstest.Locked)
	evidence    string
}

// add, hide and set spoil an image in the usual ways.
func add(entries ...imagetest.Entry) func(testing.TB, *factstest.Locked) {
	return func(_ testing.TB, l *factstest.Locked) { l.Add(factstest.Runtime, entries...) }
}

func set(key string, value any) func(testing.TB, *factstest.Locked) {
	return func(_ testing.TB, l *factstest.Locked) { l.Image.Config[key] = value }
}

func setenv(kv ...string) func(testing.TB, *factstest.Locked) {
	return func(_ testing.TB, l *factstest.Locked) {
		l.Image.Config["Env"] = append(l.Image.Config["Env"].([]string), kv...)
	}
}

func edit(p string, change func(*imagetest.Entry)) func(testing.TB, *factstest.Locked) {
	return func(t testing.TB, l *factstest.Locked) { l.Edit(t, p, change) }
}

// below puts an entry into a layer of its own under all others.
func below(entries ...imagetest.Entry) func(testing.TB, *factstest.Locked) {
	return func(_ testing.TB, l *factstest.Locked) {
		l.Image.Layers = append([]imagetest.Layer{{Entries: entries}}, l.Image.Layers...)
	}
}

// over adds a layer on top.
func over(entries ...imagetest.Entry) func(testing.TB, *factstest.Locked) {
	return func(_ testing.TB, l *factstest.Locked) {
		l.Image.Layers = append(l.Image.Layers, imagetest.Layer{Entries: entries})
	}
}

func both(spoils ...func(testing.TB, *factstest.Locked)) func(testing.TB, *factstest.Locked) {
	return func(t testing.TB, l *factstest.Locked) {
		for _, s := range spoils {
			s(t, l)
		}
	}
}

// whiteouts hides a path of the layers below.
func whiteout(p string) imagetest.Entry {
	dir, base := p[:strings.LastIndex(p, "/")+1], p[strings.LastIndex(p, "/")+1:]
	return imagetest.File(dir+".wh."+base, "")
}

func owned(name string, uid, gid int, mode int64) imagetest.Entry {
	return imagetest.Entry{Name: name, Body: "x", UID: uid, GID: gid, Mode: mode}
}

// evils is filled by the files of the probes' subjects.
func evils(t testing.TB) []evil {
	pipZip := zipped(t, map[string]string{"pip/__main__.py": "x"})
	var all []evil
	all = append(all, toolEvils()...)
	all = append(all, archiveEvils(t, pipZip)...)
	all = append(all, ownerEvils()...)
	all = append(all, pythonEvils()...)
	all = append(all, secretEvils()...)
	return append(all, configEvils()...)
}

func toolEvils() []evil {
	return []evil{
		{"E01-installer", "by name", add(imagetest.Exec("usr/bin/pip3", "#!x")), "pip"},
		{"E01-installer", "removed later", both(below(imagetest.Exec("usr/bin/uv", "x")), over(whiteout("usr/bin/uv"))), "uv"},
		{"E01-installer", "uv under another name", add(imagetest.Exec("opt/data.bin", elf("crates/uv-resolver/src"))), "uv"},
		{"E01-installer", "vendored", add(imagetest.File("opt/x/patched/pip/_internal/__init__.py", "x")), "pip"},
		{"E01-installer", "metadata", add(imagetest.File("opt/x/Setup_Tools.dist-info/METADATA", "Metadata-Version: 2.1\nName: SetupTools\nVersion: 1\n")), "setuptools"},
		{"E03-bootstrap", "ensurepip", add(imagetest.File(stdlib+"/ensurepip/__init__.py", "x")), "ensurepip"},
		{"E03-bootstrap", "venv", add(imagetest.File(stdlib+"/venv/__init__.py", "x")), "venv"},
		{"E04-whiteout", "a file", over(whiteout("usr/bin/nothing")), "hides"},
		{"E04-whiteout", "a directory", over(imagetest.File("usr/share/.wh..wh..opq", "")), "below"},
		{"E04-hidden", "replaced", both(over(imagetest.File("etc/os-release", "ID=other\n")), over(imagetest.File("etc/os-release", "ID=third\n"))), "hidden"},
		{"E04-hidden", "removed", both(below(imagetest.File("srv/x", "y")), over(whiteout("srv"))), "hidden"},
		{"E05-shell", "by name", add(imagetest.Exec("usr/bin/dash", "x")), "dash"},
		{"E05-shell", "renamed busybox", add(imagetest.File("opt/picture.png", elf("BusyBox v1.36"))), "busybox"},
		{"E05-shell", "renamed find", add(imagetest.Exec("usr/bin/f", elf("GNU findutils", "-execdir"))), "find"},
		{"E05-interpreter", "by name", add(imagetest.Exec("usr/bin/perl5.40", "x")), "perl"},
		{"E05-interpreter", "renamed sed", add(imagetest.Exec("usr/bin/s", elf("GNU sed", "--posix"))), "sed"},
		{"E06-downloader", "by name", add(imagetest.Exec("usr/bin/curl", "x")), "curl"},
		{"E06-downloader", "renamed curl", add(imagetest.Exec("usr/bin/c", elf("Usage: curl [options"))), "curl"},
		{"E06-downloader", "renamed ssh", add(imagetest.Exec("usr/bin/c", elf("usage: ssh [-46]", "bind_interface"))), "ssh"},
		{"E06-downloader", "renamed openssl", add(imagetest.Exec("usr/bin/o", elf("", "s_client", "s_server"))), "openssl"},
		{"E06-package-manager", "by name", add(imagetest.Exec("usr/bin/apk", "x")), "apk"},
		{"E06-package-manager", "renamed dpkg", add(imagetest.Exec("usr/bin/d", elf("dpkg --configure"))), "dpkg"},
		{"E06-compiler", "by name", add(imagetest.Exec("usr/bin/x86_64-linux-gnu-gcc-14", "x")), "gcc"},
		{"E06-compiler", "renamed gcc", add(imagetest.Exec("usr/bin/g", elf("COLLECT_GCC_OPTIONS"))), "gcc"},
		{"E06-compiler", "a debugger", add(imagetest.Exec("usr/bin/strace", "x")), "strace"},
		{"E06-privilege", "by name", add(imagetest.Exec("usr/bin/su", "x")), "su"},
		{"E06-privilege", "renamed su", add(imagetest.Exec("usr/bin/s", elf("pam_start", "Change the effective user ID"))), "su"},
		{"E67-debug", "a server of profiles", add(imagetest.Exec("usr/bin/agent", elf("\xff Go buildinf:", "net/http/pprof.Index"))), "pprof"},
	}
}

func archiveEvils(t testing.TB, pipZip string) []evil {
	tarred := string(imagetest.Tar(t, []imagetest.Entry{imagetest.File("x/setuptools/__init__.py", "x")}))
	return []evil{
		{"E02-archive", "a wheel", add(imagetest.File("opt/x.whl", zipped(t, map[string]string{"x.py": "x"}))), "wheel"},
		{"E02-archive", "pip under another name", add(imagetest.File("opt/logo.svg", pipZip)), "pip"},
		{"E02-archive", "appended to a picture", add(imagetest.File("opt/logo.png", "\x89PNG"+strings.Repeat("x", 5000)+pipZip)), "pip"},
		{"E02-archive", "with a comment behind", add(imagetest.File("opt/y", pipZip+strings.Repeat("y", 100))), "pip"},
		{"E02-archive", "in an archive in an archive", add(imagetest.File("opt/y", zipped(t, map[string]string{"a": zipped(t, map[string]string{"b": pipZip})}))), "pip"},
		{"E02-archive", "a compressed tar", add(imagetest.File("opt/y", gzipped(t, tarred, 0))), "setuptools"},
		{"E02-archive", "a tar", add(imagetest.File("opt/y", tarred)), "setuptools"},
		{"E02-archive", "the source archive of an installer", add(imagetest.File("opt/setuptools-80.0.tar.gz", "x")), "setuptools"},
		{"E02-archive", "uv compressed", add(imagetest.File("opt/y.gz", gzipped(t, elf("crates/uv-"), 0))), "uv"},
		{"E02-archive", "busybox in an archive", add(imagetest.File("opt/y", zipped(t, map[string]string{"lib.so": elf("BusyBox v1")}))), "busybox"},
		{"E02-archive", "damaged", add(imagetest.File("opt/y", strings.Repeat("z", len(pipZip)-22)+pipZip[len(pipZip)-22:])), "cannot be read"},
		{"E02-archive", "nested too deep", add(imagetest.File("opt/y", nested(t, pipZip, 6))), "more in it"},
		{"E02-archive", "a bomb", add(imagetest.File("opt/y", zipped(t, map[string]string{"bomb": gzipped(t, "\x7fELF", 600)}))), "more in it"},
	}
}

func nested(t testing.TB, body string, times int) string {
	for range times {
		body = zipped(t, map[string]string{"a": body})
	}
	return body
}

func ownerEvils() []evil {
	return []evil{
		{"E07-setuid", "setuid", add(imagetest.Entry{Name: "usr/bin/x", Body: "x", Mode: 0o4755}), "4755"},
		{"E07-setuid", "setgid, hidden", both(below(imagetest.Entry{Name: "usr/bin/x", Body: "x", Mode: 0o2755}), over(whiteout("usr/bin/x"))), "2755"},
		{"E07-setuid", "capabilities", add(imagetest.Entry{Name: "usr/bin/x", Body: "x", Mode: 0o755, Xattrs: map[string]string{"security.capability": "\x01"}}), "capabilities"},
		{"E07-device", "block device", add(imagetest.Entry{Name: "dev/sda", Kind: tar.TypeBlock, Mode: 0o660}), "block device 0:0"},
		{"E07-device", "hidden whiteout of an overlay", add(imagetest.Entry{Name: "usr/bin/x", Kind: tar.TypeChar}), "hide"},
		{"E07-device", "pipe, removed later", both(below(imagetest.Entry{Name: "srv/p", Kind: tar.TypeFifo}), over(whiteout("srv/p"))), "pipe"},
		{"E07-writable", "for everybody", add(owned("srv/x", 0, 0, 0o666)), "everybody"},
		{"E07-writable", "the user's own, without write bit", add(owned("srv/x", 1000, 0, 0o444)), "belongs"},
		{"E07-writable", "by group", add(owned("srv/x", 0, 1000, 0o664)), "group 1000"},
		{"E07-writable", "scratch space without the sticky bit", add(imagetest.Entry{Name: "var/spool/", Kind: tar.TypeDir, Mode: 0o777}), "everybody"},
		{"E07-writable", "root", set("User", "0"), "root"},
		{"E07-writable", "group of a user without one is root's", both(set("User", "4242"), add(owned("srv/x", 0, 0, 0o664))), "group 0"},
		{"E07-owner", "in opt", add(owned("opt/x", 5, 0, 0o644)), "5:0"},
		{"E07-owner", "a group that may write", add(owned("etc/x", 0, 5, 0o664)), "0:5"},
		{"E17-site", "standard library", add(owned(stdlib+"/x.py", 1000, 1000, 0o644)), "belongs"},
		{"E17-site", "store", add(owned(store+"/x/y.py", 0, 0, 0o646)), "everybody"},
		{"E34-startup", "a site directory", add(imagetest.Entry{Name: "usr/local/lib/python3.13/dist-packages/", Kind: tar.TypeDir, Mode: 0o777}, imagetest.File("usr/local/lib/python3.13/dist-packages/x.py", "")), "everybody"},
		{"E34-startup", "beside the standard library", both(over(imagetest.Entry{Name: "usr/lib/", Kind: tar.TypeDir, Mode: 0o775, GID: 1000})), "group 1000"},
		{"E35-code", "a venv's configuration", edit(venv+"/pyvenv.cfg", func(e *imagetest.Entry) { e.UID = 1000 }), "belongs"},
		{"E35-code", "a directory above", over(imagetest.Entry{Name: "opt/", Kind: tar.TypeDir, Mode: 0o755, UID: 1000}), "belongs"},
	}
}

func pythonEvils() []evil {
	return []evil{
		{"E08-record", "nobody's file in the store", add(imagetest.File(store+"/single-0.1-000000000000/x.py", "x")), "no distribution"},
		{"E08-record", "nobody's file in a venv", add(imagetest.File(venv+"/lib/python3.13/site-packages/x.py", "x")), "no distribution"},
		{"E08-record", "nobody's file in an empty site directory", add(imagetest.File("usr/local/lib/python3.12/site-packages/x.py", "x")), "no distribution"},
		{"E08-record", "a link elsewhere", add(imagetest.Link(venv+"/lib/python3.13/site-packages/x", "/tmp/x")), "link"},
		{"E08-record", "bytecode of nothing", add(imagetest.File(venv+"/lib/python3.13/site-packages/x.pyc", factstest.Pyc("x"))), "no distribution"},
		{"E08-record", "changed", editStored("single.py", func(e *imagetest.Entry) { e.Body += "import evil\n" }), "not the bytes"},
		{"E08-record", "removed", editStored("single.py", func(e *imagetest.Entry) { e.Name = "" }), "not there"},
		{"E08-record", "no list", editStored("RECORD", func(e *imagetest.Entry) { e.Name = "" }), "without a list"},
		{"E09-bytecode", "no source", add(imagetest.File("srv/__pycache__/x.cpython-313.pyc", factstest.Pyc("x"))), "without source"},
		{"E09-bytecode", "another source", add(imagetest.File("srv/x.py", "y"), imagetest.File("srv/__pycache__/x.cpython-313.pyc", factstest.Pyc("x"))), "not compiled"},
		{"E09-bytecode", "by time", add(imagetest.File("srv/x.py", "x"), imagetest.File("srv/__pycache__/x.cpython-313.pyc", flagged(factstest.Pyc("x"), 0))), "time"},
		{"E09-bytecode", "checked at start", add(imagetest.File("srv/x.py", "x"), imagetest.File("srv/__pycache__/x.cpython-313.pyc", flagged(factstest.Pyc("x"), 3))), "each start"},
		{"E09-bytecode", "under another name", add(imagetest.File("srv/x.dat", factstest.Pyc("x")[:16]+"\xe3code")), "name"},
		{"E10-startup", "pth", add(imagetest.File(store+"/x-1-abc/x.pth", "import x")), "pth"},
		{"E10-startup", "sitecustomize", add(imagetest.File(stdlib+"/sitecustomize.py", "x")), "sitecustomize"},
		{"E10-startup", "hidden", both(below(imagetest.File(venv+"/lib/python3.13/site-packages/x.start", "x")), over(whiteout(venv+"/lib/python3.13/site-packages/x.start"))), "start"},
		{"E41-origin", "a repository, removed later", both(below(imagetest.File(venv+"/lib/python3.13/site-packages/x-1.dist-info/direct_url.json", `{"vcs_info": {}}`)), over(whiteout(venv+"/lib/python3.13/site-packages/x-1.dist-info/direct_url.json"))), "not installed from an index"},
		{"E10-startup", "editable", add(imagetest.File(venv+"/lib/python3.13/site-packages/__editable___x_finder.py", "x")), "editable"},
	}
}

// editStored changes a file of the distribution "single" in the store.
func editStored(base string, change func(*imagetest.Entry)) func(testing.TB, *factstest.Locked) {
	return func(t testing.TB, l *factstest.Locked) {
		for _, e := range l.Image.Layers[factstest.Wheels].Entries {
			if strings.HasPrefix(e.Name, store+"/single-") && strings.HasSuffix(e.Name, "/"+base) {
				l.Edit(t, e.Name, change)
				return
			}
		}
		t.Fatalf("the store has no %s", base)
	}
}

func flagged(pyc string, flags byte) string { return pyc[:4] + string(flags) + pyc[5:] }

func secretEvils() []evil {
	return []evil{
		{"E11-secret-config", "variable", setenv("DB_PASSWORD=x"), "DB_PASSWORD"},
		{"E11-secret-config", "address", setenv("PIP_PROXY=http://u:p4ss@127.0.0.1/"), "PIP_PROXY"},
		{"E11-secret-config", "label", set("Labels", map[string]string{"a": key}), "label a"},
		{"E11-secret-config", "history", func(_ testing.TB, l *factstest.Locked) { l.Image.Layers[0].CreatedBy = "ARG API_TOKEN=abc" }, "history line 1"},
		{"E11-secret-file", "private key", add(imagetest.File("srv/id", key)), "private key"},
		{"E11-secret-file", "private key, far into a file", add(imagetest.File("srv/id", strings.Repeat("x", 262100)+key)), "private key"},
		{"E11-secret-file", "removed later", both(below(imagetest.File("srv/id", key)), over(whiteout("srv/id"))), "private key"},
		{"E11-secret-file", "token", add(imagetest.File("srv/x.py", "t = 'ghp_"+strings.Repeat("aB3", 12)+"'")), "GitHub"},
		{"E11-secret-file", "address", add(imagetest.File("opt/x/direct_url.json", `{"url": "https://u:p4ss@127.0.0.1/x"}`)), "address"},
		{"E11-secret-file", "netrc", add(imagetest.File("home/u/.netrc", "machine m login u password p")), "credentials"},
		{"E11-secret-file", "mounted", add(imagetest.File("run/secrets/x", "y")), "mounted"},
	}
}

func configEvils() []evil {
	return []evil{
		{"E12-user", "a name", set("User", "datahub"), "datahub"},
		{"E12-user", "root", set("User", "0"), "0"},
		{"E12-user", "root's group", set("User", "1000:0"), "1000:0"},
		{"E12-user", "none", set("User", ""), `""`},
		{"E12-entrypoint", "nothing", set("Entrypoint", nil), "nothing"},
		{"E12-entrypoint", "relative", set("Entrypoint", []string{"executor"}), "PATH"},
		{"E12-entrypoint", "a program that is not there", set("Entrypoint", []string{"/opt/none"}), "not there"},
		{"E12-entrypoint", "a shell", set("Entrypoint", []string{"/bin/sh", "-c", "x"}), "shell"},
		{"E12-entrypoint", "a shell further on", set("Cmd", []string{"/bin/bash"}), "shell"},
		{"E12-entrypoint", "a renamed shell", both(add(imagetest.Exec("init", elf("BusyBox v1"))), set("Entrypoint", []string{"/init"})), "busybox"},
		{"E12-entrypoint", "a script", both(add(imagetest.Exec("usr/bin/start", "#!/usr/bin/python3.13\n")), set("Entrypoint", []string{"/usr/bin/start"})), "script"},
		{"E12-entrypoint", "a health check", set("Healthcheck", map[string]any{"Test": []string{"CMD-SHELL", "x"}}), "health"},
		{"E12-index", "open by default", set("Env", []string{"PIP_INDEX_URL=" + closed}), "UV_DEFAULT_INDEX"},
		{"E12-index", "overridden", setenv("PIP_INDEX_URL=http://mirror.example/simple"), "PIP_INDEX_URL"},
		{"E12-index", "added", setenv("PIP_EXTRA_INDEX_URL=http://mirror.example/simple"), "adds"},
		{"E12-index", "another knob", setenv("UV_PROXY=http://mirror.example"), "UV_PROXY"},
		{"E12-index", "resolution", setenv(contract.EnvDependencyResolution + "=true"), contract.EnvDependencyResolution},
		{"E12-index", "a file", edit("etc/pip.conf", func(e *imagetest.Entry) { e.Body = "[global]\n" }), "pip.conf"},
		{"E12-index", "a file that opens", edit("etc/uv/uv.toml", func(e *imagetest.Entry) { e.Body += "x = \"http://mirror.example\"" }), "names an address"},
		{"E12-volume", "volume", set("Volumes", map[string]any{"/data": map[string]any{}}), "/data"},
		{"E12-volume", "trigger", set("OnBuild", []string{"RUN x"}), "RUN x"},
		{"E12-created", "of a clock", func(_ testing.TB, l *factstest.Locked) { l.Image.Created = imagetest.Epoch.Add(1) }, "clock"},
		{"E12-created", "a later file", add(imagetest.Entry{Name: "srv/x", Body: "x", Time: imagetest.Epoch.AddDate(0, 0, 1)}), "later"},
		{"E24-environment", "modules", setenv("PYTHONPATH=/srv"), "PYTHONPATH"},
		{"E24-environment", "libraries", setenv("LD_PRELOAD=/srv/x.so"), "LD_PRELOAD"},
		{"E24-environment", "by file", add(imagetest.File("etc/ld.so.preload", "/srv/x.so")), "loads"},
		{"E24-environment", "relative path", setenv("PATH=/usr/bin:."), `"."`},
		{"E67-port", "declared", set("ExposedPorts", map[string]any{"8080/tcp": map[string]any{}}), "8080"},
	}
}

// scans reads the good image and each evil one, once for all tests.
var scans = struct {
	sync.Once
	good     *probe.Scan
	evil     map[string]*probe.Scan // by the fixture's name
	fixtures []probetest.Fixture
}{evil: map[string]*probe.Scan{}}

// fixtures returns the images of all static probes, and how to put them to the
// suite, or to a mutant of it.
func fixtures(t *testing.T) ([]probetest.Fixture, func(static func(*probe.Scan) []probe.Result) probetest.Answer) {
	t.Helper()
	scans.Do(func() {
		good := locked(t)
		config := good.Image.Config
		scans.good = scanned(t, good.Clone(t))
		for _, p := range probe.StaticProbes() {
			scans.fixtures = append(scans.fixtures, probetest.Fixture{Probe: p.ID, Name: "the good image", Want: probe.Pass})
		}
		for _, e := range evils(t) {
			l := good.Clone(t)
			l.Image.Config = maps.Clone(config)
			e.spoil(t, l)
			f := probetest.Fixture{Probe: e.probe, Name: e.probe + " " + e.name, Want: probe.Fail, Text: e.evidence}
			if scans.evil[f.Name] != nil {
				t.Fatalf("two evil images are called %q", f.Name)
			}
			scans.evil[f.Name] = scanned(t, l)
			scans.fixtures = append(scans.fixtures, f)
		}
	})
	return scans.fixtures, func(static func(*probe.Scan) []probe.Result) probetest.Answer {
		return func(f probetest.Fixture) probe.Result {
			s := scans.good
			if f.Want == probe.Fail {
				s = scans.evil[f.Name]
			}
			for _, r := range static(s) {
				if r.ID == f.Probe {
					return r
				}
			}
			return probe.Result{}
		}
	}
}

func scanned(t *testing.T, l *factstest.Locked) *probe.Scan {
	t.Helper()
	s, _, err := scan(t, l.Write(t))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEveryProbeHasAnEvilImage proves of each static probe that it passes on a
// good image and fails on each evil one, with evidence.
func TestEveryProbeHasAnEvilImage(t *testing.T) {
	images, put := fixtures(t)
	for _, problem := range probetest.Unproven(probe.StaticProbes(), images, put(probe.Static)) {
		t.Error(problem)
	}
}

// TestMutantsAreNoticed replaces each static probe's judgement by a constant.
func TestMutantsAreNoticed(t *testing.T) {
	images, put := fixtures(t)
	mutant := func(p probe.Probe, always probe.Outcome) probetest.Answer { return put(probe.Mutant(p.ID, always)) }
	for _, survivor := range probetest.Survivors(probe.StaticProbes(), images, mutant) {
		t.Error(survivor, "and nothing notices")
	}
}
