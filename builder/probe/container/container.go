package container

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// Container is an unpacked image. Its methods may be called at the same time.
type Container struct {
	// Config is the image's own.
	Config image.Config
	// User is who the image's programs run as.
	User User
	// Venvs are the directories of Python's virtual environments, and Pythons
	// all interpreters, as absolute paths in the image, sorted.
	Venvs, Pythons []string

	scratch string
}

// Missing says what this machine lacks to run containers, "" for nothing.
func Missing() string {
	switch _, err := exec.LookPath("runc"); {
	case runtime.GOOS != "linux":
		return "containers run on Linux only"
	case os.Geteuid() != 0:
		return "starting containers takes root"
	case err != nil:
		return "runc is not installed"
	}
	return ""
}

// Open unpacks an image below a directory that is made for it and removed by
// Close. Errors: those of reading layers (fault.Integrity, fault.Network), and
// fault.Integrity for an image beyond MaxBytes or MaxEntries.
func Open(ctx context.Context, p *image.Platform) (*Container, error) {
	scratch, err := os.MkdirTemp("", "lockforge-check-")
	if err != nil {
		return nil, err
	}
	c := &Container{Config: p.Config(), scratch: scratch}
	if err := c.fill(ctx, p); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Container) fill(ctx context.Context, p *image.Platform) error {
	if err := makeDir(c.root()); err != nil {
		return err
	}
	u, err := unpack(ctx, p, c.root())
	if err != nil {
		return err
	}
	if c.User, err = findUser(c.root(), c.Config.User); err != nil {
		return fault.Wrap(fault.Integrity, err, "finding the image's user %q", c.Config.User)
	}
	c.Venvs = c.present(u.venvs, "pyvenv.cfg")
	c.Pythons = c.present(u.pythons, "")
	return nil
}

// Close removes everything.
func (c *Container) Close() error { return os.RemoveAll(c.scratch) }

func (c *Container) root() string { return filepath.Join(c.scratch, "root") }

// interpreter tells names of Python interpreters.
var interpreter = regexp.MustCompile(`^(python|pypy)[23]?(\.[0-9]+)?$`)

// present keeps the paths that no later layer has removed.
func (c *Container) present(paths []string, name string) []string {
	kept := slices.DeleteFunc(paths, func(p string) bool {
		_, ok := c.Host(filepath.Join(p, name))
		return !ok
	})
	slices.Sort(kept)
	return slices.Compact(kept)
}

// Host returns where a path of the image lies on this machine, all links
// followed as they lead in the image, and whether there is something.
func (c *Container) Host(p string) (string, bool) {
	at, err := follow(c.root(), strings.TrimPrefix(p, "/"), false)
	return at, err == nil
}

// Real returns a path of the image with all links followed, or "".
func (c *Container) Real(p string) string {
	at, ok := c.Host(p)
	if !ok {
		return ""
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(at, c.root()), "/")
}

// Getenv returns a variable of the image's configuration.
func (c *Container) Getenv(name string) string {
	for _, v := range slices.Backward(c.Config.Env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}
