package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/engine"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/probe"
	"github.com/lockforge/lockforge/builder/probe/container"
	"github.com/lockforge/lockforge/builder/probe/dynamic"
	"github.com/lockforge/lockforge/builder/progress"
	"github.com/lockforge/lockforge/builder/solve"
	"github.com/lockforge/lockforge/internal/testenv"
	"github.com/lockforge/lockforge/internal/testenv/buildkit"
)

// act names the variable that makes this test binary a program of an image.
const act = "LOCKFORGE_REMOTE_TEST"

func TestMain(m *testing.M) {
	if what := os.Getenv(act); what != "" {
		os.Exit(program(what))
	}
	buildkit.Main(m)
}

// program is what runs inside of containers.
func program(what string) int {
	switch what {
	case "who":
		dir, err := os.Getwd()
		fmt.Println(os.Getuid(), os.Getgid(), dir, os.Getenv("A"), os.Getenv("B"), os.Getenv("HOME"), err)
	case "kind":
		content, _ := os.ReadFile("/kind")
		fmt.Print(string(content))
	case "write":
		_, err := os.Stat("/tmp/file")
		fmt.Println(os.IsNotExist(err), os.WriteFile("/tmp/file", nil, 0o600) == nil)
	case "mounted":
		content, err := os.ReadFile("/payload/link/file")
		info, _ := os.Stat("/payload/dir/file")
		fmt.Println(string(content), err, info.Mode(), os.WriteFile("/payload/dir/new", nil, 0o600) != nil)
	case "sleep":
		time.Sleep(time.Minute)
	case "flood":
		fmt.Print(strings.Repeat("x", 3*container.MaxOutput))
		fmt.Fprint(os.Stderr, strings.Repeat("y", 3*container.MaxOutput))
	case "fetch":
		client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", container.Socket)
		}}}
		for range 3 {
			response, err := client.Post("http://index/", "", strings.NewReader(strings.Repeat("z", 1<<20)))
			if err != nil {
				fmt.Println(err)
				return 1
			}
			_, _ = io.Copy(os.Stdout, response.Body)
		}
	case "outside":
		for _, address := range []string{os.Getenv("OUTSIDE"), "192.0.2.1:80"} {
			if _, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				fmt.Println(address, "can be reached")
			}
		}
		if l, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
			fmt.Println(err)
		} else if _, err := net.Dial("tcp", l.Addr().String()); err != nil {
			fmt.Println(err)
		}
	}
	return 7
}

// self is an image of a platform whose only program is this test binary.
func self(t *testing.T, platform string, more ...imagetest.Entry) *image.Platform {
	t.Helper()
	dir := t.TempDir()
	imagetest.Layout(t, dir, imagetest.Image{
		Platform: platform, Config: map[string]any{"User": "1000", "WorkingDir": "/home", "Env": []string{"A=image", "B=image"}},
		Layers: []imagetest.Layer{{Entries: append([]imagetest.Entry{
			{Name: "tmp/", Kind: '5', Mode: 0o1777}, imagetest.Dir("home"), imagetest.File("etc/passwd", "u:x:1000:1001::/home/u:\n"), imagetest.Exec("prog", string(testenv.Self(t))),
		}, more...), Compression: "gzip"}},
	})
	img, err := image.Open(t.Context(), "oci:"+dir, image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return img.Platforms()[0]
}

const host = "linux/" + runtime.GOARCH

// spec is a run of this binary in an image.
func spec(what string) container.Spec {
	return container.Spec{Profile: container.Plain, Args: []string{"/prog"}, Env: []string{act + "=" + what, "B=run"}, Timeout: 30 * time.Second}
}

// enter runs a test in an image at a BuildKit.
func enter(t *testing.T, f func(context.Context, dynamic.Room) error) error {
	t.Helper()
	h := New(buildkit.Client(t))
	reason, err := h.Enter(t.Context(), self(t, host), func(ctx context.Context, _ *container.Image, r dynamic.Room) error { return f(ctx, r) })
	if reason != "" {
		t.Fatal(reason)
	}
	return err
}

func TestRun(t *testing.T) {
	payload := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(payload, "dir"), 0o755), os.Symlink("dir", filepath.Join(payload, "link")),
		os.WriteFile(filepath.Join(payload, "dir", "file"), []byte("content"), 0o755)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := strings.Repeat("index", 1<<15)
	tests := map[string]struct {
		what   string
		change func(*container.Spec)
		want   string
	}{
		"user, directory and environment": {what: "who", want: "1000 1001 /home image run /home/u <nil>\n"},
		"changes":                         {what: "write", want: "true true\n"},
		"changes vanish":                  {what: "write", want: "true true\n"},
		"a directory": {what: "mounted", want: "content <nil> -rwxr-xr-x true\n",
			change: func(s *container.Spec) { s.Mounts = map[string]string{"/payload": payload} }},
		"what listens": {what: "fetch", want: strings.Repeat(served, 3), change: func(s *container.Spec) {
			s.Listen = "127.0.0.1:8976"
			s.Serve = func(l net.Listener) {
				_ = http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if n, err := io.Copy(io.Discard, r.Body); n == 1<<20 && err == nil {
						fmt.Fprint(w, served)
					}
				}))
			}
		}},
		"the network is loopback": {what: "outside", change: func(s *container.Spec) { s.Env = append(s.Env, "OUTSIDE="+l.Addr().String()) }},
	}
	err = enter(t, func(ctx context.Context, r dynamic.Room) error {
		for name, tc := range tests {
			t.Run(name, func(t *testing.T) {
				s := spec(tc.what)
				if tc.change != nil {
					tc.change(&s)
				}
				if o, err := r.Run(ctx, s); err != nil || o.Code != 7 || o.Stdout != tc.want || o.TimedOut {
					t.Errorf("got %+.300v, %v, want %.300q", o, err, tc.want)
				}
			})
		}
		t.Run("output is bounded", func(t *testing.T) {
			if o, err := r.Run(ctx, spec("flood")); err != nil || len(o.Stdout) != container.MaxOutput || len(o.Stderr) != container.MaxOutput || o.Code != 7 {
				t.Errorf("%d and %d bytes, code %d, %v", len(o.Stdout), len(o.Stderr), o.Code, err)
			}
		})
		t.Run("time is bounded", func(t *testing.T) {
			s, start := spec("sleep"), time.Now()
			s.Timeout = 2 * time.Second
			if o, err := r.Run(ctx, s); err != nil || !o.TimedOut || time.Since(start) > 20*time.Second {
				t.Errorf("got %+v, %v after %s", o, err, time.Since(start))
			}
		})
		t.Run("no program has no good end", func(t *testing.T) {
			s := spec("")
			s.Args = []string{"/none"}
			if o, err := r.Run(ctx, s); err == nil && o.Code == 0 {
				t.Errorf("got %+v", o)
			}
		})
		t.Run("another profile", func(t *testing.T) {
			s := spec("who")
			s.Profile = container.Reference
			if o, err := r.Run(ctx, s); err == nil {
				t.Errorf("got %+v", o)
			}
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	start := time.Now()
	err := enter(t, func(ctx context.Context, r dynamic.Room) error {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		_, err := r.Run(ctx, spec("sleep"))
		return err
	})
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 30*time.Second {
		t.Errorf("got %v after %s", err, time.Since(start))
	}
}

func TestImagesThatCannotRun(t *testing.T) {
	h := New(buildkit.Client(t))
	never := func(context.Context, *container.Image, dynamic.Room) error {
		t.Error("it is entered")
		return nil
	}
	if reason, err := h.Enter(t.Context(), self(t, "linux/s390x"), never); err != nil || !strings.Contains(reason, "linux/s390x") || !strings.Contains(reason, host) {
		t.Errorf("of another platform: %q, %v", reason, err)
	}
	results, err := dynamic.On(h).Run(t.Context(), self(t, host)) // it has no interpreter
	if err != nil || len(results) == 0 {
		t.Fatalf("got %d results, %v", len(results), err)
	}
	for _, r := range results {
		if r.Outcome != probe.NotRun || r.Reason == "" || r.Tier != probe.Image && r.Reason != h.Refuses(r.Tier) {
			t.Errorf("%s: %s, %q", r.ID, r.Outcome, r.Reason)
		}
	}
}

// TestEveryKindOfImage runs an image from wherever one can be kept. It is
// another one each time: what BuildKit has, it does not ask for.
func TestEveryKindOfImage(t *testing.T) {
	h, registry := New(buildkit.Client(t)), testenv.Registry(t)
	file := filepath.Join(t.TempDir(), "image.tar")
	for kind, write := range map[string]func(ctx context.Context, p *image.Platform, img *image.Image) (ref string, err error){
		"registry": func(ctx context.Context, _ *image.Platform, img *image.Image) (string, error) {
			_, err := image.Push(ctx, img, registry+"/self:1", image.Options{})
			return registry + "/self:1", err
		},
		"OCI archive": func(ctx context.Context, _ *image.Platform, img *image.Image) (string, error) {
			return "tar:" + file, image.WriteTar(ctx, file, img, "")
		},
		"docker archive": func(ctx context.Context, p *image.Platform, _ *image.Image) (string, error) {
			return "tar:" + file, image.WriteDocker(ctx, file, p, "self:1")
		},
	} {
		t.Run(kind, func(t *testing.T) {
			p := self(t, host, imagetest.File("kind", kind))
			img, err := image.Compose([]*image.Platform{p})
			if err != nil {
				t.Fatal(err)
			}
			ref, err := write(t.Context(), p, img)
			if err != nil {
				t.Fatal(err)
			}
			if img, err = image.Open(t.Context(), ref, image.Options{}); err != nil {
				t.Fatal(err)
			}
			reason, err := h.Enter(t.Context(), img.Platforms()[0], func(ctx context.Context, _ *container.Image, r dynamic.Room) error {
				o, err := r.Run(ctx, spec("kind"))
				if o.Stdout != kind {
					t.Errorf("got %+v", o)
				}
				return err
			})
			if reason != "" || err != nil {
				t.Errorf("%q, %v", reason, err)
			}
		})
	}
}

// TestLostBuildKit stops a BuildKit while a program runs there: what is not
// known is neither passed nor failed.
func TestLostBuildKit(t *testing.T) {
	buildkit.Require(t)
	e, err := engine.Start(t.Context(), engine.Options{StateDir: t.TempDir(), Self: buildkit.Self(), Sink: progress.None()})
	if err != nil {
		t.Fatal(err)
	}
	c, err := solve.Dial(t.Context(), solve.Target{Address: e.Address})
	if err != nil {
		t.Fatal(errors.Join(err, e.Stop()))
	}
	defer c.Close()
	reason, err := New(c).Enter(t.Context(), self(t, host), func(ctx context.Context, _ *container.Image, r dynamic.Room) error {
		stopped := make(chan error)
		time.AfterFunc(time.Second, func() { stopped <- e.Stop() })
		s := spec("sleep")
		s.Timeout = 5 * time.Second
		if o, err := r.Run(ctx, s); err == nil && !o.TimedOut {
			t.Errorf("the program ended: %+v", o)
		}
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		return nil
	})
	if fault.KindOf(err) != fault.EngineDown || reason != "" {
		t.Errorf("got %q, %v", reason, err)
	}
}
