package container

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/internal/testenv"
)

// act names the variable that makes this test binary a program of an image.
const act = "LOCKFORGE_CONTAINER_TEST"

func TestMain(m *testing.M) {
	if what := os.Getenv(act); what != "" {
		os.Exit(program(what))
	}
	os.Exit(m.Run())
}

// program is what runs inside of containers.
func program(what string) int {
	switch what {
	case "write":
		_, err := os.Stat("/tmp/file")
		fmt.Println(os.IsNotExist(err), os.WriteFile("/tmp/file", nil, 0o600) == nil)
	case "sleep":
		time.Sleep(time.Minute)
	case "flood":
		fmt.Print(strings.Repeat("x", 3*MaxOutput))
	case "fetch":
		response, err := http.Get("http://127.0.0.1:8976/")
		if err != nil {
			fmt.Println(err)
			return 1
		}
		_, _ = io.Copy(os.Stdout, response.Body)
	case "look":
		return look()
	case "outside":
		for _, address := range []string{os.Getenv("OUTSIDE"), "192.0.2.1:80"} {
			if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				fmt.Println(address, "can be reached")
			}
		}
	}
	return 7
}

// look says what an image's lookups find.
func look() int {
	img, err := image.Open(context.Background(), os.Getenv("IMAGE"), image.Options{})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	i, err := Look(context.Background(), img.Platforms()[0])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	at, _ := i.Host("/opt/v/large")
	info, err := os.Stat(at)
	fmt.Println(os.Geteuid(), i.User, i.Venvs, i.Pythons, i.Real("/opt/v/bin/python"), info.Size(), err, i.Close())
	return 0
}

// TestLookTakesNoRoot looks into an image as nobody: into files that are
// root's alone, in directories that nobody may write to.
func TestLookTakesNoRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		testenv.Missing(t, "becoming nobody takes root")
	}
	dir, err := os.MkdirTemp("", "look-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	imagetest.Layout(t, dir, imagetest.Image{Config: map[string]any{"User": "u"}, Layers: []imagetest.Layer{{Compression: "none", Entries: []imagetest.Entry{
		{Name: "etc/", Kind: tar.TypeDir, Mode: 0o500}, {Name: "etc/passwd", Body: "u:x:1000:1001::/home/u:\n", Mode: 0o400},
		{Name: "opt/v/", Kind: tar.TypeDir, Mode: 0o111}, imagetest.File("opt/v/pyvenv.cfg", ""), imagetest.Link("opt/v/bin/python", "/usr/bin/python3"),
		{Name: "opt/v/large", Body: strings.Repeat("x", MaxLook+1)},
		{Name: "usr/bin/python3", Mode: 0o4555}, {Name: "usr/bin/python3.13", Kind: tar.TypeLink, Link: "usr/bin/python3"}, {Name: "dev/sda", Kind: tar.TypeBlock},
	}}}})
	if err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error { return errors.Join(err, os.Chmod(p, 0o755)) }); err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile("/proc/self/exe") // which lies where nobody may not look
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "prog")
	if err := os.WriteFile(program, own, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = []string{act + "=look", "IMAGE=oci:" + dir, "TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("65534 {1000 1001 /home/u} [/opt/v] [/opt/v/bin/python /usr/bin/python3 /usr/bin/python3.13] /usr/bin/python3 %d <nil> <nil>\n", MaxLook)
	if err != nil || string(out) != want {
		t.Errorf("got %v\n%swant\n%s", err, out, want)
	}
}

// self is an image whose only program is this test binary.
func self(t *testing.T) *Container {
	t.Helper()
	if reason := Missing(); reason != "" {
		testenv.Missing(t, "%s", reason)
	}
	c, err := Open(context.Background(), platform(t, []imagetest.Entry{{Name: "tmp/", Kind: '5', Mode: 0o1777}, imagetest.Exec("prog", string(testenv.Self(t)))}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRun(t *testing.T) {
	c := self(t)
	run := func(t *testing.T, what string, change func(*Spec)) Outcome {
		t.Helper()
		s := Spec{Profile: Plain, Args: []string{"/prog"}, Env: []string{act + "=" + what}, Timeout: 30 * time.Second}
		change(&s)
		o, err := c.Run(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	none := func(*Spec) {}

	t.Run("changes vanish", func(t *testing.T) {
		for range 2 {
			if o := run(t, "write", none); o.Stdout != "true true\n" || o.Code != 7 {
				t.Errorf("got %+v", o)
			}
		}
	})
	t.Run("time is bounded", func(t *testing.T) {
		start := time.Now()
		o := run(t, "sleep", func(s *Spec) { s.Timeout = time.Second })
		if !o.TimedOut || time.Since(start) > 20*time.Second {
			t.Errorf("got %+v after %s", o, time.Since(start))
		}
	})
	t.Run("output is bounded", func(t *testing.T) {
		if o := run(t, "flood", none); len(o.Stdout) != MaxOutput || o.Code != 7 {
			t.Errorf("%d bytes, code %d", len(o.Stdout), o.Code)
		}
	})
	t.Run("what listens can be reached", func(t *testing.T) {
		o := run(t, "fetch", func(s *Spec) {
			s.Listen = "127.0.0.1:8976"
			s.Serve = func(l net.Listener) {
				_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "index") }))
			}
		})
		if o.Stdout != "index" {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("this machine cannot", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if o := run(t, "outside", func(s *Spec) { s.Env = append(s.Env, "OUTSIDE="+l.Addr().String()) }); o.Stdout != "" || o.Code != 7 {
			t.Errorf("got %+v", o)
		}
	})
	t.Run("no program is no outcome", func(t *testing.T) {
		if o, err := c.Run(context.Background(), Spec{Profile: Plain, Args: []string{"/none"}, Timeout: time.Minute}); err == nil {
			t.Errorf("got %+v", o)
		}
	})
	if left, err := os.ReadDir(c.scratch); err != nil || len(left) != 1 {
		t.Errorf("left are %v, %v", left, err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	c := self(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	start := time.Now()
	_, err := c.Run(ctx, Spec{Profile: Plain, Args: []string{"/prog"}, Env: []string{act + "=sleep"}, Timeout: time.Minute})
	if err == nil || time.Since(start) > 20*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}
