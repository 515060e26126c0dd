package base

import (
	"bytes"
	"context"
	"errors"
	"io"
	"path"
	"regexp"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// banner is what glibc's csu/version.c puts into libc.so.6.
var banner = regexp.MustCompile(`GNU C Library [^\x00\n]{0,200}release version (2\.[0-9]{1,3})`)

// libraries are the directories of libc.so.6, by the machine's name in
// Debian's multiarch and by the plain ones of other distributions.
var libraries = map[string][]string{
	"linux/amd64": {"lib/x86_64-linux-gnu", "lib64", "usr/lib64", "usr/lib"},
	"linux/arm64": {"lib/aarch64-linux-gnu", "lib64", "usr/lib64", "usr/lib"},
}

// maxLibc bounds libc.so.6, in bytes; it has 2 MB.
const maxLibc = 64 << 20

// errFound ends a walk.
var errFound = errors.New("found")

// glibc reads the version out of the C library itself: package databases may
// be missing, or wrong.
func glibc(ctx context.Context, v *view, p *image.Platform) (string, error) {
	var lib *facts.Entry
	for _, dir := range libraries[p.Name()] {
		if lib = v.file(path.Join(dir, "libc.so.6")); lib != nil {
			break
		}
	}
	if lib == nil {
		return "", fault.New(fault.Manifest, "reading base image %s: it has no glibc for %s", p.Digest(), p.Name()).
			Hint("wheels are made for glibc: use a base of Debian, Ubuntu, Fedora or the like, not of Alpine")
	}
	var content []byte
	err := p.WalkLayer(ctx, p.Layers()[lib.Layer], func(_ image.Layer, e image.Entry, r io.Reader) (err error) {
		if e.Path != lib.Path || e.Size > maxLibc {
			return nil
		}
		if content, err = io.ReadAll(r); err != nil {
			return err
		}
		return errFound
	})
	if err != nil && !errors.Is(err, errFound) {
		return "", err
	}
	m := banner.FindSubmatch(bytes.TrimRight(content, "\x00"))
	if m == nil {
		return "", fault.New(fault.Manifest, "reading base image %s: /%s does not say which version of glibc it is", p.Digest(), lib.Path)
	}
	return string(m[1]), nil
}
