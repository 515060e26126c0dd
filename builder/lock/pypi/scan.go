package pypi

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/builder/internal/limitio"
)

// Bounds of a source archive that is looked into.
const (
	maxSdistBytes   = 512 << 20 // unpacked
	maxSdistMembers = 50_000
	maxSourceBytes  = 4 << 20 // of one file that is searched for headers
)

// findings say what a source archive needs beyond Python.
type findings struct {
	sources []string // files for a compiler, sorted, without the top folder
	headers []string // headers that they include and the archive does not have
}

// compiled lists the endings of files that need a compiler, by the languages
// that extension modules are written in.
var compiled = map[string]bool{
	".c": true, ".cc": true, ".cpp": true, ".cxx": true, ".pyx": true, ".pxd": true,
	".f": true, ".f90": true, ".rs": true, ".go": true, ".zig": true, ".cu": true, ".asm": true,
}

// ownHeaders are no library's: the C library's, the compiler's and Python's.
var ownHeaders = regexp.MustCompile(`^(assert|ctype|errno|fcntl|float|inttypes|limits|locale|math|pthread|setjmp|signal|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|time|unistd|wchar|Python|structmember|frameobject|pythread|sys/[a-z]+)\.h$`)

var includeLine = regexp.MustCompile(`^\s*(?:#\s*include\s*[<"]([\w./+-]+)[>"]|cdef\s+extern\s+from\s+["']<?([\w./+-]+)>?["'])`)

// scanSdist looks for compiled sources in a .tar.gz, strictly: every member
// must be a plain file or folder inside one top folder.
func scanSdist(r io.Reader) (*findings, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(limitio.Reader(unzipped, maxSdistBytes))
	f := &findings{}
	included, present := map[string]bool{}, map[string]bool{}
	for n := 0; ; n++ {
		h, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		if n >= maxSdistMembers {
			return nil, fmt.Errorf("more than %d members", maxSdistMembers)
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		name, err := memberName(h)
		if err != nil {
			return nil, err
		}
		present[path.Base(name)] = true
		// Documentation and tests are not built.
		if h.Typeflag != tar.TypeReg || !compiled[path.Ext(name)] || aside(name) {
			continue
		}
		f.sources = append(f.sources, name)
		if err := addIncludes(included, io.LimitReader(archive, maxSourceBytes)); err != nil {
			return nil, err
		}
	}
	for header := range included {
		if !present[path.Base(header)] && strings.HasSuffix(header, ".h") && !ownHeaders.MatchString(header) {
			f.headers = append(f.headers, header)
		}
	}
	slices.Sort(f.sources)
	slices.Sort(f.headers)
	return f, nil
}

// memberName checks a member and returns its path below the top folder.
func memberName(h *tar.Header) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
	if name == "" || name == "." {
		return "", nil
	}
	if path.IsAbs(name) || path.Clean(name) != name || name == ".." || strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\\x00") {
		return "", fmt.Errorf("member %q leaves its folder", h.Name)
	}
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeDir, tar.TypeSymlink, tar.TypeLink:
	default:
		return "", fmt.Errorf("member %q is of type %q", h.Name, h.Typeflag)
	}
	_, rest, _ := strings.Cut(name, "/")
	return rest, nil
}

func aside(name string) bool {
	for _, part := range strings.Split(path.Dir(name), "/") {
		switch part {
		case "doc", "docs", "test", "tests", "example", "examples", "benchmarks":
			return true
		}
	}
	return false
}

func addIncludes(into map[string]bool, r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := includeLine.FindStringSubmatch(lines.Text()); m != nil {
			into[m[1]+m[2]] = true
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return err
	}
	return nil
}
