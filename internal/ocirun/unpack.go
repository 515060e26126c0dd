package ocirun

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/lockforge/lockforge/builder/image"
)

// Unpack writes the host platform's root filesystem of an image into dir,
// which must not exist. Owners and permissions are kept, so it takes root.
func Unpack(ctx context.Context, ref, dir string) error {
	img, err := image.Open(ctx, ref, image.Options{})
	if err != nil {
		return err
	}
	platform, err := img.Platform("linux/" + runtime.GOARCH)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return platform.Walk(ctx, func(_ image.Layer, e image.Entry, r io.Reader) error {
		return writeEntry(dir, e, r)
	})
}

// writeEntry relies on the walk for safety: it yields clean relative paths and
// refuses whatever would lead through a link.
func writeEntry(dir string, e image.Entry, r io.Reader) error {
	path := filepath.Join(dir, e.Path)
	switch e.Type {
	case image.Dir:
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	case image.File:
		if err := writeFile(path, r); err != nil {
			return err
		}
	case image.Symlink:
		if err := os.Symlink(e.Link, path); err != nil {
			return err
		}
		return os.Lchown(path, e.UID, e.GID)
	case image.Hardlink:
		return os.Link(filepath.Join(dir, e.Link), path)
	case image.Whiteout, image.Opaque:
		return fmt.Errorf("image removes %s from a lower layer; a locked image must not", e.Path)
	}
	if err := os.Lchown(path, e.UID, e.GID); err != nil {
		return err
	}
	mode := fs.FileMode(e.Mode & 0o777)
	if e.Mode&0o1000 != 0 {
		mode |= fs.ModeSticky
	}
	return os.Chmod(path, mode)
}

func writeFile(path string, r io.Reader) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, r); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// Env is the environment that the image's configuration sets.
func Env(ctx context.Context, ref string) ([]string, error) {
	img, err := image.Open(ctx, ref, image.Options{})
	if err != nil {
		return nil, err
	}
	platform, err := img.Platform("linux/" + runtime.GOARCH)
	if err != nil {
		return nil, err
	}
	env := platform.Config().Env
	for _, variable := range env {
		if !strings.Contains(variable, "=") {
			return nil, fmt.Errorf("malformed variable %q in the image's configuration", variable)
		}
	}
	return env, nil
}
