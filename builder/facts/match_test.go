package facts_test

import (
	"archive/tar"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
)

func collect(t testing.TB, ref string) *facts.Facts {
	t.Helper()
	img, err := image.Open(context.Background(), ref, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Collect(context.Background(), img.Platforms()[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestALockedImageMatches(t *testing.T) {
	l := factstest.New(t)
	f := collect(t, l.Write(t))
	if err := facts.Match(f, l.Lock); err != nil {
		t.Errorf("Match: %v", err)
	}
	if err := facts.MatchStore(f, l.Lock, l.Store, nil); err != nil {
		t.Errorf("MatchStore: %v", err)
	}
	if len(f.Problems)+len(f.Tools)+len(f.Whiteouts)+len(f.Startup) > 0 {
		t.Errorf("problems %v, tools %v, whiteouts %v, startup %v", f.Problems, f.Tools, f.Whiteouts, f.Startup)
	}
}

// edit changes one entry of the image.
func edit(p string, change func(*imagetest.Entry)) func(*testing.T, *factstest.Locked) {
	return func(t *testing.T, l *factstest.Locked) { l.Edit(t, expand(l, p), change) }
}

func add(layer int, e imagetest.Entry) func(*testing.T, *factstest.Locked) {
	return func(t *testing.T, l *factstest.Locked) {
		e.Name = expand(l, e.Name)
		l.Add(layer, e)
	}
}

// expand puts the store directory of a wheel where its name stands in <>.
func expand(l *factstest.Locked, p string) string {
	for _, w := range l.Lock.Platforms[0].Wheels {
		p = strings.ReplaceAll(p, "<"+w.Name+">", "opt/datahub/store/"+w.StoreKey())
	}
	return p
}

func remove(e *imagetest.Entry) { e.Name = "" }

func TestMatchFindsEveryDifference(t *testing.T) {
	good := factstest.New(t)
	const venv = "opt/datahub/venvs/mysql-bundled/"
	const site = venv + "lib/python3.13/site-packages/"
	for name, spoil := range map[string]func(*testing.T, *factstest.Locked){
		"changed file of a wheel":  edit("<single>/single.py", func(e *imagetest.Entry) { e.Body = "import os\n" }),
		"missing file of a wheel":  edit("<google-one>/google/one/data.txt", remove),
		"extra file in the store":  add(factstest.Wheels, imagetest.File("<single>/extra.py", "")),
		"extra bytecode":           add(factstest.Wheels, imagetest.File("<single>/__pycache__/other.cpython-313.pyc", factstest.Pyc("x"))),
		"bytecode of other source": edit("<single>/__pycache__/single.cpython-313.pyc", func(e *imagetest.Entry) { e.Body = factstest.Pyc("evil") }),
		"checked bytecode":         edit("<single>/__pycache__/single.cpython-313.pyc", func(e *imagetest.Entry) { e.Body = e.Body[:4] + "\x03" + e.Body[5:] }),
		"bytecode without header":  edit("<single>/__pycache__/single.cpython-313.pyc", func(e *imagetest.Entry) { e.Body = "evil" }),
		"bytecode beside source": edit("<single>/__pycache__/single.cpython-313.pyc", func(e *imagetest.Entry) {
			e.Name = strings.Replace(e.Name, "__pycache__/single.cpython-313.pyc", "single.pyc", 1)
		}),
		"link in the store":        add(factstest.Wheels, imagetest.Link("<single>/link.py", "single.py")),
		"file at the store's top":  add(factstest.Wheels, imagetest.File("opt/datahub/store/note", "")),
		"unknown store directory":  add(factstest.Wheels, imagetest.File("opt/datahub/store/evil-1.0-0123456789ab/evil.py", "")),
		"no RECORD":                edit("<single>/single-0.1.dist-info/RECORD", remove),
		"RECORD rewritten":         edit("<single>/single-0.1.dist-info/RECORD", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "single.py", "double.py", 1) }),
		"broken RECORD":            edit("<single>/single-0.1.dist-info/RECORD", func(e *imagetest.Entry) { e.Body = "\"" }),
		"another version inside":   edit("<single>/single-0.1.dist-info/METADATA", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "0.1", "0.2", 1) }),
		"venv missing a package":   edit(site+"google/two", remove),
		"venv link elsewhere":      edit(site+"google/two", func(e *imagetest.Entry) { e.Link = "/etc" }),
		"venv link to other wheel": edit(site+"google/two", func(e *imagetest.Entry) { e.Link = strings.Replace(e.Link, "google-two", "google-tow", 1) }),
		"dangling venv link":       add(factstest.Venvs, imagetest.Link(site+"gone", "../gone")),
		"file in site-packages":    add(factstest.Venvs, imagetest.File(site+"evil.py", "")),
		"startup file":             add(factstest.Venvs, imagetest.File(site+"evil.pth", "import os")),
		"wheel of another venv": func(t *testing.T, l *factstest.Locked) {
			l.Add(factstest.Venvs, imagetest.Link(site+"single.py", "../../../../../store/"+l.Lock.Platforms[0].Wheels[3].StoreKey()+"/single.py"))
		},
		"system packages let in":    edit(venv+"pyvenv.cfg", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "false", "true", 1) }),
		"another interpreter":       edit(venv+"bin/python", func(e *imagetest.Entry) { e.Link = "/tmp/python" }),
		"a venv too many":           add(factstest.Venvs, imagetest.File("opt/datahub/venvs/evil-bundled/pyvenv.cfg", "home = /usr/bin\n")),
		"alias missing":             edit("opt/datahub/venvs/file-bundled", remove),
		"alias to elsewhere":        edit("opt/datahub/venvs/file-bundled", func(e *imagetest.Entry) { e.Link = "mysql-bundled" }),
		"changed OS file":           edit("usr/lib/x86_64-linux-gnu/libdemo.so.1.0", func(e *imagetest.Entry) { e.Body = "evil" }),
		"unowned OS file":           add(factstest.OS, imagetest.File("usr/lib/evil.so", "")),
		"unowned program":           add(factstest.OS, imagetest.Exec("usr/bin/sh", "#!")),
		"dangling OS link":          edit("usr/lib/x86_64-linux-gnu/libdemo.so.1", func(e *imagetest.Entry) { e.Link = "gone" }),
		"package version":           edit("var/lib/dpkg/status.d/libdemo1", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "1.2-3", "1.2-2", 1) }),
		"package removed":           edit("var/lib/dpkg/status.d/libdemo1", remove),
		"package added":             add(factstest.OS, imagetest.File("var/lib/dpkg/status.d/evil", "Package: evil\nVersion: 1\nArchitecture: all\n")),
		"mode":                      edit("<single>/single.py", func(e *imagetest.Entry) { e.Mode = 0o664 }),
		"setuid":                    edit("usr/bin/python3.13", func(e *imagetest.Entry) { e.Mode = 0o4755 }),
		"world-writable directory":  edit("opt/datahub", func(e *imagetest.Entry) { e.Mode = 0o777 }),
		"owner":                     edit("<single>/single.py", func(e *imagetest.Entry) { e.UID = 1000 }),
		"group":                     edit("<single>/single.py", func(e *imagetest.Entry) { e.GID = 1000 }),
		"time":                      edit("<single>/single.py", func(e *imagetest.Entry) { e.Time = imagetest.Epoch.Add(time.Second) }),
		"capability":                edit("usr/bin/python3.13", func(e *imagetest.Entry) { e.Xattrs = map[string]string{"security.capability": "\x01\x00"} }),
		"hardlink":                  add(factstest.OS, imagetest.Entry{Name: "usr/bin/again", Kind: tar.TypeLink, Link: "usr/bin/python3.13", Mode: 0o755}),
		"device":                    add(factstest.OS, imagetest.Entry{Name: "dev/null", Kind: tar.TypeChar}),
		"pipe":                      add(factstest.OS, imagetest.Entry{Name: "srv/pipe", Kind: tar.TypeFifo}),
		"whiteout":                  add(factstest.Runtime, imagetest.File("etc/.wh.passwd", "")),
		"path in two layers":        add(factstest.Runtime, imagetest.File("etc/passwd", "root:x:0:0::/:/bin/sh\n")),
		"created":                   func(_ *testing.T, l *factstest.Locked) { l.Image.Created = imagetest.Epoch.Add(time.Hour) },
		"metadata.json missing":     edit("opt/datahub/venvs/metadata.json", remove),
		"metadata.json not JSON":    edit("opt/datahub/venvs/metadata.json", func(e *imagetest.Entry) { e.Body = "{" }),
		"metadata.json other venvs": edit("opt/datahub/venvs/metadata.json", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "mysql-bundled", "mssql-bundled", 1) }),
		"build of another manifest": edit("build_info.json", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, "abab", "cdcd", 1) }),
		"build of another lock": edit("build_info.json", func(e *imagetest.Entry) {
			e.Body = strings.Replace(e.Body, factstest.LockMark, "sha256:"+strings.Repeat("0", 64), 1)
		}),
		"build of no lock": edit("build_info.json", func(e *imagetest.Entry) { e.Body = strings.Replace(e.Body, factstest.LockMark, "", 1) }),
		"lock lost a wheel": func(_ *testing.T, l *factstest.Locked) {
			p := l.Lock.Platforms[0]
			lost := p.Wheels[len(p.Wheels)-2].File // google-two
			p.Wheels = slices.DeleteFunc(p.Wheels, func(w lock.Wheel) bool { return w.File == lost })
			for n := range p.Venvs {
				p.Venvs[n].Wheels = slices.DeleteFunc(p.Venvs[n].Wheels, func(file string) bool { return file == lost })
			}
		},
		"lock has one more venv": func(_ *testing.T, l *factstest.Locked) {
			p := l.Lock.Platforms[0]
			more := p.Venvs[0]
			more.Dir, more.Label, more.Plugins, more.Links = "more-bundled", "more", []string{"more"}, nil
			p.Venvs = append(p.Venvs, more)
		},
		"lock of another platform": func(_ *testing.T, l *factstest.Locked) {
			p := l.Lock.Platforms[0]
			p.Platform = "linux/arm64"
			for n := range p.Debs {
				p.Debs[n].Arch = "arm64"
			}
		},
		"lock of another day": func(_ *testing.T, l *factstest.Locked) { l.Lock.Resolved = "2026-01-03" },
	} {
		t.Run(name, func(t *testing.T) {
			l := good.Clone(t)
			spoil(t, l)
			if err := facts.Match(collect(t, l.Write(t)), l.Lock); !fault.Is(err, fault.Integrity) {
				t.Errorf("got %v, want an integrity fault", err)
			}
		})
	}
}

// What RECORD, md5sums and the checks of links cannot see, since the image
// itself was changed along.
func TestMatchStoreBelievesOnlyTheLockedFiles(t *testing.T) {
	good := factstest.New(t)
	for name, spoil := range map[string]func(*testing.T, *factstest.Locked){
		"file and RECORD": func(t *testing.T, l *factstest.Locked) {
			edit("<google-one>/google/one/data.txt", remove)(t, l)
			edit("<google-one>/google_one-1.0.dist-info/RECORD", func(e *imagetest.Entry) {
				var kept []string
				for line := range strings.Lines(e.Body) {
					if !strings.HasPrefix(line, "google/one/data.txt") {
						kept = append(kept, line)
					}
				}
				e.Body = strings.Join(kept, "")
			})(t, l)
		},
		"generated file":   edit("etc/passwd", func(e *imagetest.Entry) { e.Body += "evil:x:0:0::/:/x\n" }),
		"extra link":       add(factstest.OS, imagetest.Link("usr/lib/libevil.so", "python3.13")),
		"retargeted link":  edit("etc/localtime", func(e *imagetest.Entry) { e.Link = "/usr/lib/os-release" }),
		"venv script":      edit("opt/datahub/venvs/mysql-bundled/bin/datahub", func(e *imagetest.Entry) { e.Body = "#!/usr/bin/python3.13\n" }),
		"extra executable": add(factstest.Venvs, imagetest.Exec("opt/datahub/venvs/mysql-bundled/bin/evil", "#!")),
		"extra directory":  add(factstest.OS, imagetest.Dir("usr/evil")),
		"other mode":       edit("<single>/single.py", func(e *imagetest.Entry) { e.Mode = 0o755 }),
		"file as link":     edit("etc/hosts", func(e *imagetest.Entry) { *e = imagetest.Link("etc/hosts", "passwd") }),
		"start link":       edit("health_status", func(e *imagetest.Entry) { e.Link = "usr/bin/python3.13" }),
	} {
		t.Run(name, func(t *testing.T) {
			l := good.Clone(t)
			spoil(t, l)
			if err := facts.MatchStore(collect(t, l.Write(t)), l.Lock, l.Store, nil); !fault.Is(err, fault.Integrity) {
				t.Errorf("got %v, want an integrity fault", err)
			}
		})
	}
}

func TestMatchCountsAllDifferencesAndPrintsSome(t *testing.T) {
	l := factstest.New(t)
	for n := range 200 {
		l.Add(factstest.OS, imagetest.File("usr/extra"+strings.Repeat("x", n), ""))
	}
	err := facts.Match(collect(t, l.Write(t)), l.Lock)
	if err == nil || !strings.Contains(err.Error(), "200 differences") || strings.Count(err.Error(), "\n") > 60 {
		t.Errorf("got %v", err)
	}
}
