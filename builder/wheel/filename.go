package wheel

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// Filename is what the name of a wheel says:
// {name}-{version}(-{build})?-{python}-{abi}-{platform}.whl
type Filename struct {
	File    string // as given
	Name    string // normalised, PEP 503
	Version string // normalised, PEP 440
	Build   string // build tag; empty where there is none
	Tags    []Tag  // every combination of the three compressed tag sets
}

// Tag is a compatibility tag, PEP 425.
type Tag struct{ Python, ABI, Platform string }

func (t Tag) String() string { return t.Python + "-" + t.ABI + "-" + t.Platform }

// maxTags bounds the combinations of compressed tag sets. Real ones have up to
// eight.
const maxTags = 256

var (
	// A name in a file name has no dash; old tools leave dots in.
	fileNamePart = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?$`)
	fileVersion  = regexp.MustCompile(`^[A-Za-z0-9_.!+]+$`)
	fileBuild    = regexp.MustCompile(`^[0-9][A-Za-z0-9_.]*$`)
	fileTag      = regexp.MustCompile(`^[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*$`)
)

// ParseFilename takes the name of a wheel apart. It fails with fault.Integrity
// for names that do not follow the specification.
func ParseFilename(name string) (Filename, error) {
	f, err := parseFilename(name)
	if err != nil {
		return Filename{}, fault.Wrap(fault.Integrity, err, "reading wheel name %q", name)
	}
	return f, nil
}

func parseFilename(name string) (Filename, error) {
	stem, ok := strings.CutSuffix(name, ".whl")
	if !ok || len(name) > MaxFileName {
		return Filename{}, fmt.Errorf("not a wheel's file name: no .whl, or more than %d bytes", MaxFileName)
	}
	parts := strings.Split(stem, "-")
	if len(parts) != 5 && len(parts) != 6 {
		return Filename{}, fmt.Errorf("not a wheel's file name: %d parts between dashes, want 5 or 6", len(parts))
	}
	f := Filename{File: name}
	if !fileNamePart.MatchString(parts[0]) || !fileVersion.MatchString(parts[1]) {
		return Filename{}, fmt.Errorf("not a wheel's file name: name %q, version %q", parts[0], parts[1])
	}
	f.Name = NormalizeName(parts[0])
	version, err := CanonicalVersion(parts[1])
	if err != nil {
		return Filename{}, err
	}
	f.Version = version
	if len(parts) == 6 {
		if f.Build = parts[2]; !fileBuild.MatchString(f.Build) {
			return Filename{}, fmt.Errorf("not a wheel's file name: build tag %q", f.Build)
		}
	}
	f.Tags, err = expandTags(strings.Join(parts[len(parts)-3:], "-"))
	return f, err
}

// expandTags turns a compressed tag set ("py2.py3-none-any") into its tags.
func expandTags(compressed string) ([]Tag, error) {
	sets := strings.Split(compressed, "-")
	if len(sets) != 3 {
		return nil, fmt.Errorf("tag %q: %d parts, want 3", compressed, len(sets))
	}
	var split [3][]string
	count := 1
	for i, set := range sets {
		if !fileTag.MatchString(set) {
			return nil, fmt.Errorf("tag %q: unknown characters", compressed)
		}
		split[i] = strings.Split(set, ".")
		if count *= len(split[i]); count > maxTags {
			return nil, fmt.Errorf("tag %q: more than %d combinations", compressed, maxTags)
		}
	}
	tags := make([]Tag, 0, count)
	for _, python := range split[0] {
		for _, abi := range split[1] {
			for _, platform := range split[2] {
				tags = append(tags, Tag{python, abi, platform})
			}
		}
	}
	return tags, nil
}

var separators = regexp.MustCompile(`[-_.]+`)

// NormalizeName gives the normalised form of a project's name, PEP 503.
func NormalizeName(name string) string {
	return strings.ToLower(separators.ReplaceAllString(name, "-"))
}
