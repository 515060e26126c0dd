// Package wheeltest makes wheels for tests: good ones, and hostile ones whose
// every ZIP field can be set.
package wheeltest

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"
)

// Builder collects what a wheel holds. Its methods change it and return it, so
// that calls can be chained.
type Builder struct {
	Name, Version string

	tag      string
	stem     string // of .dist-info, "name-version"
	headers  []string
	files    []*File
	points   map[string][]string
	replaced map[string]string
	rows     func(rows []string) []string
	archive  func(a *Archive)
}

// File is one file of a wheel.
type File struct {
	Path    string
	Content string
	Mode    uint32 // Unix mode with the file type, 0100644
}

// New starts a pure Python wheel for the tag py3-none-any.
func New(name, version string) *Builder {
	stem := strings.NewReplacer("-", "_").Replace(name) + "-" + version
	return &Builder{Name: name, Version: version, tag: "py3-none-any", stem: stem, points: map[string][]string{}, replaced: map[string]string{}}
}

// Tag sets the compatibility tag, "cp313-cp313-manylinux_2_28_x86_64".
func (b *Builder) Tag(tag string) *Builder { b.tag = tag; return b }

// File adds a file with mode 0644.
func (b *Builder) File(path, content string) *Builder { return b.FileMode(path, content, 0o100644) }

// FileMode adds a file with a Unix mode, its file type included.
func (b *Builder) FileMode(path, content string, mode uint32) *Builder {
	b.files = append(b.files, &File{path, content, mode})
	return b
}

// Data adds a file of an installation scheme (purelib, scripts, ...).
func (b *Builder) Data(scheme, path, content string) *Builder {
	return b.File(b.stem+".data/"+scheme+"/"+path, content)
}

// Requires adds Requires-Dist fields.
func (b *Builder) Requires(requirements ...string) *Builder {
	for _, r := range requirements {
		b.Header("Requires-Dist", r)
	}
	return b
}

// Header adds a field to METADATA.
func (b *Builder) Header(name, value string) *Builder {
	b.headers = append(b.headers, name+": "+value)
	return b
}

// EntryPoint adds an entry point, as in EntryPoint("console_scripts", "x", "x.cli:main").
func (b *Builder) EntryPoint(group, name, reference string) *Builder {
	b.points[group] = append(b.points[group], name+" = "+reference)
	return b
}

// DistInfo sets the part of .dist-info's name before the dot.
func (b *Builder) DistInfo(stem string) *Builder { b.stem = stem; return b }

// Replace sets the content of a generated file: METADATA, WHEEL or entry_points.txt.
func (b *Builder) Replace(name, content string) *Builder { b.replaced[name] = content; return b }

// Rows edits the rows of RECORD, its own included.
func (b *Builder) Rows(edit func(rows []string) []string) *Builder { b.rows = edit; return b }

// Archive edits the ZIP archive before it is written.
func (b *Builder) Archive(edit func(a *Archive)) *Builder { b.archive = edit; return b }

// Filename is the wheel's file name.
func (b *Builder) Filename() string {
	return strings.ReplaceAll(b.Name, "-", "_") + "-" + b.Version + "-" + b.tag + ".whl"
}

// RecordPath is the path of RECORD in the wheel.
func (b *Builder) RecordPath() string { return b.stem + ".dist-info/RECORD" }

// Bytes returns the wheel.
func (b *Builder) Bytes(t testing.TB) []byte {
	t.Helper()
	a := &Archive{}
	for _, f := range b.allFiles() {
		a.Add(f.Path, f.Content).Mode = f.Mode
	}
	if b.archive != nil {
		b.archive(a)
	}
	return a.Bytes(t)
}

// allFiles returns the added files and the generated ones, RECORD last.
func (b *Builder) allFiles() []*File {
	files := slices.Clone(b.files)
	add := func(name, content string) {
		if other, ok := b.replaced[name]; ok {
			content = other
		}
		if content != "" {
			files = append(files, &File{b.stem + ".dist-info/" + name, content, 0o100644})
		}
	}
	add("METADATA", fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n%s\n\nA package made by a test.\n",
		b.Name, b.Version, strings.Join(b.headers, "\n")))
	add("WHEEL", "Wheel-Version: 1.0\nGenerator: wheeltest\nRoot-Is-Purelib: true\nTag: "+b.tag+"\n")
	add("entry_points.txt", b.entryPoints())

	rows := make([]string, 0, len(files)+1)
	for _, f := range files {
		rows = append(rows, Row(f.Path, f.Content))
	}
	rows = append(rows, b.RecordPath()+",,")
	if b.rows != nil {
		rows = b.rows(rows)
	}
	return append(files, &File{b.RecordPath(), strings.Join(rows, "\n") + "\n", 0o100644})
}

func (b *Builder) entryPoints() string {
	groups := make([]string, 0, len(b.points))
	for group, lines := range b.points {
		groups = append(groups, "["+group+"]\n"+strings.Join(lines, "\n")+"\n")
	}
	sort.Strings(groups)
	return strings.Join(groups, "\n")
}

// Row is the row of RECORD for a file.
func Row(path, content string) string {
	sum := sha256.Sum256([]byte(content))
	if strings.ContainsAny(path, `,"`) {
		path = `"` + strings.ReplaceAll(path, `"`, `""`) + `"`
	}
	return fmt.Sprintf("%s,sha256=%s,%d", path, base64.RawURLEncoding.EncodeToString(sum[:]), len(content))
}
