package wheel

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Metadata is what METADATA says, by the core metadata specification. Values
// are as written; requirements are not parsed here.
type Metadata struct {
	MetadataVersion   string
	Name              string
	Version           string
	Summary           string
	License           string // free text, may be a whole licence
	LicenseExpression string // SPDX, PEP 639
	Classifiers       []string
	RequiresPython    string
	RequiresDist      []string
	ProvidesExtra     []string
	HomePage          string
	Author            string
	AuthorEmail       string
}

// Info is what WHEEL says.
type Info struct {
	WheelVersion  string
	Generator     string
	RootIsPurelib bool
	Tags          []Tag
}

func (w *Wheel) readMetadata() error {
	content, err := w.required("METADATA", MaxMetadata)
	if err != nil {
		return err
	}
	h, err := parseHeaders(content)
	if err != nil {
		return fmt.Errorf("METADATA: %w", err)
	}
	m := &Metadata{
		Classifiers: h["classifier"], RequiresDist: h["requires-dist"], ProvidesExtra: h["provides-extra"],
	}
	for name, field := range map[string]*string{
		"metadata-version": &m.MetadataVersion, "name": &m.Name, "version": &m.Version, "summary": &m.Summary,
		"license": &m.License, "license-expression": &m.LicenseExpression, "requires-python": &m.RequiresPython,
		"home-page": &m.HomePage, "author": &m.Author, "author-email": &m.AuthorEmail,
	} {
		if *field, err = h.one(name); err != nil {
			return fmt.Errorf("METADATA: %w", err)
		}
	}
	switch {
	case m.MetadataVersion == "":
		return fmt.Errorf("METADATA: no Metadata-Version")
	case NormalizeName(m.Name) != w.Name:
		return fmt.Errorf("METADATA: name %q, the file name says %q", m.Name, w.Name)
	case !SameVersion(m.Version, w.Version):
		return fmt.Errorf("METADATA: version %q, the file name says %q", m.Version, w.Version)
	}
	w.metadata = m
	return nil
}

func (w *Wheel) readInfo() error {
	content, err := w.required("WHEEL", MaxWheelFile)
	if err != nil {
		return err
	}
	if err := w.parseInfo(content); err != nil {
		return fmt.Errorf("WHEEL: %w", err)
	}
	return nil
}

func (w *Wheel) parseInfo(content []byte) error {
	h, err := parseHeaders(content)
	if err != nil {
		return err
	}
	info := &Info{}
	var purelib string
	for name, field := range map[string]*string{
		"wheel-version": &info.WheelVersion, "generator": &info.Generator, "root-is-purelib": &purelib,
	} {
		if *field, err = h.one(name); err != nil {
			return err
		}
	}
	// An installer must refuse a major version that it does not know.
	if major, _, _ := strings.Cut(info.WheelVersion, "."); major != "1" {
		return fmt.Errorf("version %q of the wheel format, want 1.x", info.WheelVersion)
	}
	switch strings.ToLower(purelib) { // "True" occurs
	case "true":
		info.RootIsPurelib = true
	case "false":
	default:
		return fmt.Errorf("value %q of Root-Is-Purelib, want true or false", purelib)
	}
	for _, compressed := range h["tag"] {
		tags, err := expandTags(compressed)
		if err != nil {
			return err
		}
		if info.Tags = append(info.Tags, tags...); len(info.Tags) > maxTags {
			return fmt.Errorf("more than %d tags", maxTags)
		}
	}
	w.info = info
	return nil
}

// headers are the fields of a METADATA or WHEEL file, by lower-case name.
type headers map[string][]string

// one returns the value of a field that may occur once.
func (h headers) one(name string) (string, error) {
	values := h[name]
	if len(values) > 1 {
		return "", fmt.Errorf("field %s occurs %d times", name, len(values))
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

// parseHeaders reads the header part of an e-mail like file: "Name: value"
// lines, continued by lines that start with white space, up to the first empty
// line. Anything else is an error, since tools disagree on how to go on after it.
func parseHeaders(content []byte) (headers, error) {
	if !utf8.Valid(content) {
		return nil, fmt.Errorf("not UTF-8")
	}
	h := headers{}
	last := ""
	for number := 1; len(content) > 0; number++ {
		var raw []byte
		raw, content, _ = bytes.Cut(content, []byte("\n"))
		line := strings.TrimSuffix(string(raw), "\r")
		switch {
		case line == "":
			return h, nil
		case strings.ContainsRune(line, 0):
			return nil, fmt.Errorf("line %d: NUL", number)
		case line[0] == ' ' || line[0] == '\t':
			if last == "" {
				return nil, fmt.Errorf("line %d: continues nothing", number)
			}
			values := h[last]
			values[len(values)-1] += "\n" + strings.TrimSpace(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok || name == "" || strings.ContainsAny(name, " \t") {
				return nil, fmt.Errorf("line %d: not a header", number)
			}
			last = strings.ToLower(name)
			h[last] = append(h[last], strings.TrimSpace(value))
		}
	}
	return h, nil
}
