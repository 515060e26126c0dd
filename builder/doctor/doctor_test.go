package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/index"
	"github.com/lockforge/lockforge/builder/lock/debian"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/lockforge/lockforge/builder/wheel/wheeltest"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	mountinfo = "24 1 8:1 / / rw - ext4 /dev/sda1 rw\n31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n"
	apt       = "deb http://mirror.example/debian trixie main\ndeb http://mirror.example/debian-security trixie-security main\n"
)

// patient is a machine that a test can harm.
type patient struct {
	Host
	dir string
	env map[string]string
}

// healthy is a machine on which every check passes: real programs (scripts),
// a real index on the loopback, and answers in the place of the mirrors, whose
// real ones are signed with keys that no test has.
func healthy(t *testing.T) *patient {
	t.Helper()
	dir := t.TempDir()
	p := &patient{dir: dir, env: map[string]string{"PATH": filepath.Join(dir, "bin")}}
	p.program(t, "runc", "echo runc version 1.1.5")
	p.program(t, "uv", "echo 'uv 0.13.9 (x 2026-01-01)'")
	p.program(t, "python3", "")
	p.env["UV_DEFAULT_INDEX"] = serve(t) + "/simple"
	p.Host = Host{
		Index:     index.Env{Getenv: func(name string) string { return p.env[name] }, Home: dir, ReadFile: os.ReadFile},
		Files:     fstest.MapFS{"proc/self/mountinfo": {Data: []byte(mountinfo)}, "etc/apt/sources.list": {Data: []byte(apt)}},
		CacheDir:  filepath.Join(dir, "cache", "deep"),
		Now:       func() time.Time { return now },
		Overlay:   func(string) error { return nil },
		FreeBytes: func(string) (uint64, error) { return 100 << 30, nil },
		Probe:     answering(map[debian.ArchiveName]error{}, now.Add(-24*time.Hour)),
	}
	return p
}

func (p *patient) program(t *testing.T, name, script string) {
	t.Helper()
	p.file(t, filepath.Join("bin", name), "#!/bin/sh\n"+script+"\n")
}

func (p *patient) file(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// answering makes a Probe: archives fail as said, all claim the same date.
func answering(failures map[debian.ArchiveName]error, claimed time.Time) func(context.Context, debian.Request) []debian.Answer {
	return func(_ context.Context, r debian.Request) []debian.Answer {
		var answers []debian.Answer
		for _, archive := range []debian.ArchiveName{debian.Main, debian.Updates, debian.Security} {
			answers = append(answers, debian.Answer{Mirror: r.Mirrors.Main[0], Archive: archive, Claimed: claimed, Err: failures[archive]})
		}
		return answers
	}
}

// serve is an index that knows the CLI, and nothing else.
func serve(t *testing.T) string {
	t.Helper()
	name := wheeltest.New("acryl-datahub", "1.7.0.17").Filename()
	page := `<a href="/files/` + name + `#sha256=` + strings.Repeat("a", 64) + `">` + name + `</a>`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/simple/acryl-datahub/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func statuses(r *Report) map[string]Status {
	found := map[string]Status{}
	for _, c := range r.Checks {
		found[c.Name] = c.Status
	}
	return found
}

func TestAHealthyMachine(t *testing.T) {
	r := Examine(t.Context(), healthy(t).Host)
	want := map[string]Status{
		"root": OK, "runc": OK, "snapshots": OK, "cgroups": OK, "disk": OK, "uv": OK,
		"index": OK, "mirrors": OK, "clock": OK, "registry logins": OK,
	}
	if diff := cmp.Diff(want, statuses(r)); diff != "" || !r.Healthy {
		t.Errorf("healthy %v (-want +got):\n%s%v", r.Healthy, diff, r.Checks)
	}
}

func TestWhatIsWrongIsFound(t *testing.T) {
	unreachable := fault.New(fault.Network, "requesting it").Hint("mend the mirror")
	tests := map[string]struct {
		harm  func(t *testing.T, p *patient)
		check string
		want  Status
	}{
		"not root":          {func(_ *testing.T, p *patient) { p.UID = 1000 }, "root", Fail},
		"not root, overlay": {func(_ *testing.T, p *patient) { p.UID = 1000 }, "snapshots", Warn},
		"no runc":           {func(t *testing.T, p *patient) { remove(t, p, "bin/runc") }, "runc", Fail},
		"runc named":        {func(_ *testing.T, p *patient) { p.Runc = filepath.Join(p.dir, "elsewhere") }, "runc", Fail},
		"runc broken":       {func(t *testing.T, p *patient) { p.program(t, "runc", "exit 1") }, "runc", Fail},
		"no overlay":        {func(_ *testing.T, p *patient) { p.Overlay = func(string) error { return errors.New("no") } }, "snapshots", Warn},
		"no cgroups":        {func(_ *testing.T, p *patient) { p.Files = replaced(p.Files, "proc/self/mountinfo", "") }, "cgroups", Fail},
		"old cgroups": {func(_ *testing.T, p *patient) {
			p.Files = replaced(p.Files, "proc/self/mountinfo", strings.ReplaceAll(mountinfo, "cgroup2", "cgroup"))
		}, "cgroups", OK},
		"disk nearly full":   {func(_ *testing.T, p *patient) { p.FreeBytes = func(string) (uint64, error) { return 5 << 30, nil } }, "disk", Warn},
		"disk full":          {func(_ *testing.T, p *patient) { p.FreeBytes = func(string) (uint64, error) { return 1 << 20, nil } }, "disk", Fail},
		"disk does not say":  {func(_ *testing.T, p *patient) { p.FreeBytes = func(string) (uint64, error) { return 0, unreachable } }, "disk", Fail},
		"no uv":              {func(t *testing.T, p *patient) { remove(t, p, "bin/uv") }, "uv", Fail},
		"old uv":             {func(t *testing.T, p *patient) { p.program(t, "uv", "echo uv 0.8.1") }, "uv", Fail},
		"no index":           {func(_ *testing.T, p *patient) { p.env["UV_DEFAULT_INDEX"] = "" }, "index", Fail},
		"index knows no CLI": {func(_ *testing.T, p *patient) { p.env["UV_DEFAULT_INDEX"] += "/other" }, "index", Fail},
		"extra index":        {func(_ *testing.T, p *patient) { p.env["UV_INDEX"] = "https://pkgs.example/simple" }, "index settings", Warn},
		"no apt sources":     {func(_ *testing.T, p *patient) { p.Files = replaced(p.Files, "etc/apt/sources.list", "") }, "mirrors", Fail},
		"archive missing": {func(_ *testing.T, p *patient) {
			p.Probe = answering(map[debian.ArchiveName]error{debian.Security: unreachable}, now)
		}, "mirrors", Fail},
		"clock behind":     {func(_ *testing.T, p *patient) { p.Probe = answering(nil, now.Add(time.Hour)) }, "clock", Fail},
		"clock ahead":      {func(_ *testing.T, p *patient) { p.Probe = answering(nil, now.AddDate(0, -2, 0)) }, "clock", Warn},
		"no date":          {func(_ *testing.T, p *patient) { p.Probe = answering(nil, time.Time{}) }, "clock", Warn},
		"base is an image": {func(_ *testing.T, p *patient) { p.Manifest = &manifest.Manifest{Base: manifest.Base{Image: "x"}} }, "mirrors", OK},
		"logins no JSON":   {func(t *testing.T, p *patient) { p.file(t, ".docker/config.json", `{"auths": s3cret`) }, "registry logins", Fail},
		"logins": {func(t *testing.T, p *patient) {
			p.file(t, ".docker/config.json", `{"auths": {"r.example": {"auth": "s3cret"}}}`)
		}, "registry logins", OK},
		"login helper gone": {func(t *testing.T, p *patient) { p.file(t, ".docker/config.json", `{"credsStore": "gone"}`) }, "registry logins", Fail},
		"login helper there": {func(t *testing.T, p *patient) {
			p.file(t, "other/config.json", `{"credHelpers": {"r.example": "here"}}`)
			p.program(t, "docker-credential-here", "")
			p.env["DOCKER_CONFIG"] = filepath.Join(p.dir, "other")
		}, "registry logins", OK},
		"engine elsewhere": {func(_ *testing.T, p *patient) {
			p.UID, p.Engine, p.Dial = 1000, "tcp://b.example:1234", func(context.Context) error { return nil }
		}, "engine", OK},
		"engine gone": {func(_ *testing.T, p *patient) {
			p.Engine, p.Dial = "tcp://b.example:1234", func(context.Context) error { return unreachable }
		}, "engine", Fail},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := healthy(t)
			tt.harm(t, p)
			r := Examine(t.Context(), p.Host)
			if got := statuses(r)[tt.check]; got != tt.want {
				t.Errorf("%s: %q, want %q: %v", tt.check, got, tt.want, r.Checks)
			}
			failed := false
			for _, c := range r.Checks {
				failed = failed || c.Status == Fail
				if c.Found == "" || c.Status != OK && c.Fix == "" || strings.Contains(c.Found, "\n") {
					t.Errorf("check without a finding or a fix: %+v", c)
				}
			}
			if r.Healthy == failed {
				t.Errorf("healthy %v: %v", r.Healthy, r.Checks)
			}
			if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "s3cret") {
				t.Errorf("the report shows a credential, or is no JSON: %v %s", err, text)
			}
		})
	}
}

func TestOneMirrorOfTwoIsEnough(t *testing.T) {
	p := healthy(t)
	p.Probe = func(_ context.Context, r debian.Request) []debian.Answer {
		m := r.Mirrors.Main[0]
		return []debian.Answer{
			{Mirror: m, Archive: debian.Main, Err: fault.New(fault.Network, "requesting it")},
			{Mirror: m, Archive: debian.Main, Claimed: now},
		}
	}
	if r := Examine(t.Context(), p.Host); statuses(r)["mirrors"] != Warn || !r.Healthy {
		t.Errorf("%+v", r)
	}
}

func TestFree(t *testing.T) {
	if free, err := Free(t.TempDir()); err != nil || free == 0 {
		t.Errorf("Free = %d, %v", free, err)
	}
	if _, err := Free(filepath.Join(t.TempDir(), "none")); !fault.Is(err, fault.Internal) {
		t.Errorf("of a folder that is not there: %v", err)
	}
}

func remove(t *testing.T, p *patient, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
		t.Fatal(err)
	}
}

// replaced is files with other content at one path.
func replaced(files fs.FS, name, content string) fs.FS {
	changed := fstest.MapFS{}
	for path, f := range files.(fstest.MapFS) {
		changed[path] = f
	}
	changed[name] = &fstest.MapFile{Data: []byte(content)}
	return changed
}
