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

// Image is an unpacked image, to look things up in. Its methods may be called
// at the same time.
type Image struct {
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

// Container is an image whose programs can be run on this machine.
type Container struct{ *Image }

// Open unpacks an image below a directory that is made for it and removed by
// Close. Errors: those of reading layers (fault.Integrity, fault.Network), and
// fault.Integrity for an image beyond MaxBytes or MaxEntries.
func Open(ctx context.Context, p *image.Platform) (*Container, error) {
	i, err := open(ctx, p, &unpacker{})
	if err != nil {
		return nil, err
	}
	return &Container{i}, nil
}

// Look unpacks an image as Open does, but only for its lookups, and so without
// root: files have no owners and modes, and no more than MaxLook bytes.
func Look(ctx context.Context, p *image.Platform) (*Image, error) {
	return open(ctx, p, &unpacker{look: true})
}

func open(ctx context.Context, p *image.Platform, u *unpacker) (*Image, error) {
	scratch, err := os.MkdirTemp("", "lockforge-check-")
	if err != nil {
		return nil, err
	}
	i := &Image{Config: p.Config(), scratch: scratch}
	if err := i.fill(ctx, p, u); err != nil {
		i.Close()
		return nil, err
	}
	return i, nil
}

func (i *Image) fill(ctx context.Context, p *image.Platform, u *unpacker) error {
	if err := makeDir(i.root()); err != nil {
		return err
	}
	if err := u.unpack(ctx, p, i.root()); err != nil {
		return err
	}
	var err error
	if i.User, err = findUser(i.root(), i.Config.User); err != nil {
		return fault.Wrap(fault.Integrity, err, "finding the image's user %q", i.Config.User)
	}
	i.Venvs = i.present(u.venvs, "pyvenv.cfg")
	i.Pythons = i.present(u.pythons, "")
	return nil
}

// Close removes everything.
func (i *Image) Close() error { return os.RemoveAll(i.scratch) }

func (i *Image) root() string { return filepath.Join(i.scratch, "root") }

// interpreter tells names of Python interpreters.
var interpreter = regexp.MustCompile(`^(python|pypy)[23]?(\.[0-9]+)?$`)

// present keeps the paths that no later layer has removed.
func (i *Image) present(paths []string, name string) []string {
	kept := slices.DeleteFunc(paths, func(p string) bool {
		_, ok := i.Host(filepath.Join(p, name))
		return !ok
	})
	slices.Sort(kept)
	return slices.Compact(kept)
}

// Host returns where a path of the image lies on this machine, all links
// followed as they lead in the image, and whether there is something.
func (i *Image) Host(p string) (string, bool) {
	at, err := follow(i.root(), strings.TrimPrefix(p, "/"), false)
	return at, err == nil
}

// Real returns a path of the image with all links followed, or "".
func (i *Image) Real(p string) string {
	at, ok := i.Host(p)
	if !ok {
		return ""
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(at, i.root()), "/")
}

// Getenv returns a variable of the image's configuration.
func (i *Image) Getenv(name string) string {
	for _, v := range slices.Backward(i.Config.Env) {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// WorkingDir is where the image's programs start.
func (i *Image) WorkingDir() string {
	if i.Config.WorkingDir == "" {
		return "/"
	}
	return i.Config.WorkingDir
}

// Environment is the image's, with what the runtime adds and what the run
// sets; the last of several wins.
func (i *Image) Environment(set []string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=" + i.User.Home}
	for _, v := range slices.Concat(i.Config.Env, set) {
		name, _, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			continue
		}
		env = slices.DeleteFunc(env, func(old string) bool { return strings.HasPrefix(old, name+"=") })
		env = append(env, v)
	}
	return env
}
