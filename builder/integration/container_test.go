package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/lockforge/lockforge/internal/ocirun"
)

// container runs commands in an image, as the image says and as a strict
// operator would: read-only root, no network, no capabilities, user 1000.
type container struct {
	rootfs string
	env    []string
	data   string // directory of the host that is /data in it
}

func open(t *testing.T, ref string) container {
	t.Helper()
	c := container{rootfs: filepath.Join(t.TempDir(), "rootfs"), data: t.TempDir()}
	if err := ocirun.Unpack(t.Context(), ref, c.rootfs); err != nil {
		t.Fatal(err)
	}
	var err error
	if c.env, err = ocirun.Env(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(c.data, 1000, 1000); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c container) run(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code, err := ocirun.Run(t.Context(), ocirun.Spec{
		Rootfs: c.rootfs, Args: args, Env: c.env, UID: 1000, Binds: map[string]string{c.data: "/data"},
		Stdin: bytes.NewBufferString(stdin), Stdout: &stdout, Stderr: &stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	return said{code, stdout.String(), stderr.String()}
}

func (c container) must(t *testing.T, stdin string, args ...string) said {
	t.Helper()
	s := c.run(t, stdin, args...)
	if s.code != 0 {
		t.Fatalf("%v: exit code %d\n%s%s", args, s.code, s.stdout, tail(s.stderr))
	}
	return s
}

// give puts a file where the container sees it, below /data.
func (c container) give(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.data, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
