package unpack

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Limits of a source archive.
const (
	maxSource      = 256 << 20 // bytes unpacked, and of the wheel made from it
	maxSourceFiles = 20_000
)

// unpackSource unpacks a .tar.gz source archive below dir and returns the one
// directory that it must consist of. Only regular files and directories are
// accepted, under names that stay inside; modes are forced to 0644 and 0755, as
// an archive's own would reach the wheel.
func unpackSource(r io.Reader, dir string) (string, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return "", err
	}
	out := newOutput(dir, sdistEpoch)
	top, count := "", 0
	for t := tar.NewReader(limitio.Reader(z, maxSource)); ; count++ {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if count >= maxSourceFiles {
			return "", fmt.Errorf("more than %d members", maxSourceFiles)
		}
		if err := sourceMember(out, h, t, &top); err != nil {
			return "", fmt.Errorf("member %q: %w", h.Name, err)
		}
	}
	if top == "" {
		return "", errors.New("no members")
	}
	return filepath.Join(dir, top), nil
}

// sourceMember writes one member. All must be in the directory top, which the
// first one sets.
func sourceMember(out *output, h *tar.Header, content io.Reader, top *string) error {
	name := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	if err := checkRelative(name); err != nil {
		return err
	}
	if strings.ContainsAny(name, "\\") {
		return errors.New("backslash in the name")
	}
	first, _, nested := strings.Cut(name, "/")
	if *top == "" {
		*top = first
	}
	switch {
	case first != *top || first == "result":
		return fmt.Errorf("outside of %s", *top)
	case h.Typeflag == tar.TypeDir:
		return out.dir(name)
	case h.Typeflag != tar.TypeReg || !nested:
		return errors.New("neither a regular file in the archive's directory nor a directory")
	}
	mode := fs.FileMode(0o644)
	if h.Mode&0o111 != 0 {
		mode = 0o755
	}
	return out.file(name, mode, func(w io.Writer) error {
		_, err := io.Copy(w, content)
		return err
	})
}

// native are the suffixes of source files that need a compiler.
var native = map[string]bool{
	".c": true, ".cc": true, ".cpp": true, ".cxx": true, ".pyx": true, ".rs": true, ".f": true, ".f90": true, ".go": true, ".m": true, ".swg": true,
}

// refuseNative refuses trees that hold code for a compiler: there is none in a
// build step, and a wheel made without it could lack what the code is for.
func refuseNative(dir, sdist string) error {
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && native[strings.ToLower(path.Ext(file))] {
			name, _ := filepath.Rel(dir, file)
			return fault.New(fault.Resolve, "building %s: %s needs a compiler", sdist, name).
				Hint("build a wheel yourself and name it under wheels: in the manifest")
		}
		return err
	})
	return err
}
