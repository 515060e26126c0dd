package sbom

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

// MaxSize is how large a document may be that is read, in bytes. A document
// of fifty connector venvs has 2 MiB.
const MaxSize = 64 << 20

// Package is one package as a document lists it.
type Package struct {
	Type    string `json:"type"` // of its package URL: "pypi", "deb", "generic"
	Name    string `json:"name"`
	Version string `json:"version"`
	PURL    string `json:"purl"`
	SHA256  string `json:"sha256,omitempty"` // of the file it came in, hex
}

// Document is what Read finds in a document of either format.
type Document struct {
	Format   string    // "SPDX-2.3" or "CycloneDX-1.6"
	Digest   string    // of the image it is about, "sha256:<hex>"
	Packages []Package // sorted; the image itself is not among them
}

// Read reads a document that SPDX or CycloneDX wrote. Anything else, and a
// document of more than MaxSize, is fault.Integrity.
func Read(raw []byte) (*Document, error) {
	if len(raw) > MaxSize {
		return nil, fault.New(fault.Integrity, "reading an SBOM of %d bytes: at most %d are read", len(raw), MaxSize)
	}
	var kind struct {
		SPDXVersion string `json:"spdxVersion"`
		BOMFormat   string `json:"bomFormat"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading an SBOM")
	}
	var d *Document
	var err error
	switch {
	case kind.SPDXVersion == v2_3.Version:
		d, err = readSPDX(raw)
	case kind.BOMFormat == cdx.BOMFormat:
		d, err = readCycloneDX(raw)
	default:
		err = errors.New("neither SPDX 2.3 nor CycloneDX")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Integrity, err, "reading an SBOM")
	}
	slices.SortFunc(d.Packages, func(a, b Package) int { return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.SHA256, b.SHA256)) })
	return d, nil
}

func readSPDX(raw []byte) (*Document, error) {
	var doc v2_3.Document
	if err := spdxjson.ReadInto(bytes.NewReader(raw), &doc); err != nil {
		return nil, err
	}
	d := &Document{Format: v2_3.Version}
	for _, p := range doc.Packages {
		switch p.PrimaryPackagePurpose {
		case "CONTAINER":
			d.Digest = p.PackageVersion
			continue
		case "INSTALL":
			continue // a venv
		}
		out := Package{Name: p.PackageName, Version: p.PackageVersion}
		for _, r := range p.PackageExternalReferences {
			if r.RefType == common.TypePackageManagerPURL {
				out.PURL = r.Locator
			}
		}
		for _, c := range p.PackageChecksums {
			if c.Algorithm == common.SHA256 {
				out.SHA256 = c.Value
			}
		}
		if err := d.add(out); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func readCycloneDX(raw []byte) (*Document, error) {
	var doc cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(raw), cdx.BOMFileFormatJSON).Decode(&doc); err != nil {
		return nil, err
	}
	d := &Document{Format: "CycloneDX-" + doc.SpecVersion.String()}
	if doc.Metadata != nil && doc.Metadata.Component != nil {
		d.Digest = doc.Metadata.Component.Version
	}
	if doc.Components == nil {
		return d, nil
	}
	for _, c := range *doc.Components {
		if c.PackageURL == "" && c.Type == cdx.ComponentTypeApplication {
			continue // a venv
		}
		out := Package{Name: c.Name, Version: c.Version, PURL: c.PackageURL}
		if c.Hashes != nil {
			for _, h := range *c.Hashes {
				if h.Algorithm == cdx.HashAlgoSHA256 {
					out.SHA256 = h.Value
				}
			}
		}
		if err := d.add(out); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// add takes a package whose package URL says the same as its other fields.
func (d *Document) add(p Package) error {
	rest, ok := strings.CutPrefix(p.PURL, "pkg:")
	kind, rest, found := strings.Cut(rest, "/")
	rest, _, _ = strings.Cut(rest, "?")
	at := strings.LastIndexByte(rest, '@')
	if !ok || !found || at < 0 {
		return fmt.Errorf("package %q %q: package URL %q", p.Name, p.Version, p.PURL)
	}
	name, err1 := url.PathUnescape(rest[strings.LastIndexByte(rest[:at], '/')+1 : at])
	version, err2 := url.PathUnescape(rest[at+1:])
	if errors.Join(err1, err2) != nil || name != p.Name || version != p.Version {
		return fmt.Errorf("package %q %q: package URL %q says otherwise", p.Name, p.Version, p.PURL)
	}
	p.Type = kind
	d.Packages = append(d.Packages, p)
	return nil
}

// Match checks that a document is about this image and lists exactly the
// packages that are in it, both ways. Errors: fault.Integrity, with all
// differences.
func Match(d *Document, f *facts.Facts) error {
	var problems []error
	if d.Digest != f.Digest {
		problems = append(problems, fault.New(fault.Integrity, "it is about image %q, not %s", d.Digest, f.Digest))
	}
	listed := map[string]int{}
	for _, p := range d.Packages {
		listed[p.PURL]++
	}
	for _, c := range newBOM(f, nil, Options{}).components {
		if listed[c.purl] == 0 {
			problems = append(problems, fault.New(fault.Integrity, "it lacks %s, which is at /%s", c.purl, c.path))
			continue
		}
		listed[c.purl]--
	}
	for _, purl := range sortedKeys(listed) {
		if listed[purl] > 0 {
			problems = append(problems, fault.New(fault.Integrity, "it lists %s, which is not in the image", purl))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fault.Wrap(fault.Integrity, err, "matching the SBOM against image %s", f.Digest)
	}
	return nil
}

func sortedKeys(m map[string]int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
