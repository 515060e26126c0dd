package container

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/lockforge/lockforge/builder/image"
)

func TestScratch(t *testing.T) {
	img, err := image.Open(context.Background(), os.Getenv("IMG"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	c, err := Open(context.Background(), img.Platforms()[0])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	t.Log(time.Since(start), c.User, c.Venvs, c.Pythons)
	for _, p := range []Profile{Plain, Reference} {
		start = time.Now()
		o, err := c.Run(context.Background(), Spec{Profile: p, Args: []string{c.Pythons[0], "-I", "-c", "import os,sys;print(os.getuid(), sys.version); print(open('/proc/self/status').read()); print(os.listdir('/')); print(open('/proc/mounts').read(), os.environ)"}, Timeout: 20 * time.Second})
		t.Log(time.Since(start), o.Code, err, o.Stdout, o.Stderr)
	}
}
