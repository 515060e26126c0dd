// Package base reads the image that a manifest names as its base: which Python
// and which C library it has, what of it may not go into a locked image, and a
// copy of it without that.
package base

import (
	"context"
	"path"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
)

// Report is what was found in a base image.
type Report struct {
	Python    string      // minor version of its interpreter, "3.13"
	Glibc     string      // "2.41"
	Bytecode  bool        // its standard library has bytecode
	Forbidden []Forbidden // sorted by path
}

// Inspect reads all layers of a base image. A base without a CPython of the
// usual kind at /usr/bin/python3.X, or with another C library than glibc, is
// fault.Manifest.
func Inspect(ctx context.Context, p *image.Platform) (*Report, error) {
	f, err := facts.Collect(ctx, p)
	if err != nil {
		return nil, err
	}
	v := newView(f)
	r := &Report{Forbidden: forbidden(f)}
	if r.Python, err = python(v, p); err != nil {
		return nil, err
	}
	for at := range v.entries {
		r.Bytecode = r.Bytecode || strings.HasPrefix(at, "usr/lib/python"+r.Python+"/__pycache__/")
	}
	r.Glibc, err = glibc(ctx, v, p)
	return r, err
}

// interpreter is where venvs look for Python. A "t" at the end of the name is
// the free-threaded build, for which other wheels are made.
var interpreter = regexp.MustCompile(`^usr/bin/python(3\.[1-9][0-9]?)$`)

// python finds the interpreter whose standard library is there as well. Where
// there are several, the one counts that /usr/bin/python3 leads to.
func python(v *view, p *image.Platform) (string, error) {
	var found []string
	for at := range v.entries {
		m := interpreter.FindStringSubmatch(at)
		if m != nil && v.file("usr/lib/python"+m[1]+"/os.py") != nil && v.file(at) != nil {
			found = append(found, m[1])
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	if len(found) > 1 {
		if e := v.entries["usr/bin/python3"]; e != nil && e.Type == image.Symlink {
			if m := interpreter.FindStringSubmatch(path.Join("usr/bin", e.Link)); m != nil {
				return m[1], nil
			}
		}
		return "", fault.New(fault.Manifest, "reading base image %s: it has Python %s, and nothing says which to use", p.Digest(), strings.Join(found, " and ")).
			Hint("use a base with one Python, or with a link /usr/bin/python3")
	}
	return "", fault.New(fault.Manifest, "reading base image %s: no Python at /usr/bin/python3.X with its library in /usr/lib/python3.X", p.Digest()).
		Hint("use a base with the Python of its distribution, or leave out `base` to have one assembled from Debian packages")
}
