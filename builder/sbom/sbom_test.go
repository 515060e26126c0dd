package sbom_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/facts/factstest"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/image"
	"github.com/lockforge/lockforge/builder/image/imagetest"
	"github.com/lockforge/lockforge/builder/lock"
	"github.com/lockforge/lockforge/builder/sbom"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
	"github.com/spdx/tools-golang/spdxlib"
)

func collect(t testing.TB, l *factstest.Locked) *facts.Facts {
	t.Helper()
	img, err := image.Open(context.Background(), l.Write(t), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := facts.Collect(context.Background(), img.Platforms()[0])
	if err != nil {
		t.Fatal(err)
	}
	return f
}

type format struct {
	name  string
	write func(*facts.Facts, *lock.Lock, sbom.Options) ([]byte, error)
}

var formats = []format{{"SPDX", sbom.SPDX}, {"CycloneDX", sbom.CycloneDX}}

var options = sbom.Options{Name: "team/app:v1", ToolVersion: "1.2.3"}

func TestDocumentsListEveryPackageWithItsHash(t *testing.T) {
	l := factstest.New(t)
	f := collect(t, l)
	want := map[string]string{
		"pkg:deb/debian/libdemo1@1.2-3%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=demo":          l.Lock.Platforms[0].Debs[0].SHA256,
		"pkg:deb/debian/python3.13-minimal@3.13.5-2?arch=amd64&distro=debian-13&upstream=python3.13": l.Lock.Platforms[0].Debs[1].SHA256,
	}
	for _, w := range l.Lock.Platforms[0].Wheels {
		want["pkg:pypi/"+w.Name+"@"+w.Version] = w.SHA256
	}
	for _, format := range formats {
		raw, err := format.write(f, l.Lock, options)
		if err != nil {
			t.Fatal(err)
		}
		again, err := format.write(f, l.Lock, options)
		if err != nil || !bytes.Equal(raw, again) {
			t.Errorf("%s: two documents of one image differ, or %v", format.name, err)
		}
		doc, err := sbom.Read(raw)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for _, p := range doc.Packages {
			if p.Type != "generic" {
				got[p.PURL] = p.SHA256
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format.name, diff)
		}
		if len(doc.Packages) != len(want)+1 {
			t.Errorf("%s: %d packages, want the executor as well", format.name, len(doc.Packages))
		}
		if err := sbom.Match(doc, f); err != nil {
			t.Errorf("%s: %v", format.name, err)
		}
		if !strings.Contains(string(raw), "pip 26.0 is declared by acryl-datahub and not shipped") {
			t.Errorf("%s does not state the exception", format.name)
		}
		if _, err := format.write(f, nil, sbom.Options{}); err != nil {
			t.Errorf("%s without a lock: %v", format.name, err)
		}
	}
}

func TestSPDXIsValidAndRelatesVenvs(t *testing.T) {
	l := factstest.New(t)
	raw, err := sbom.SPDX(collect(t, l), l.Lock, options)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := spdxjson.Read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	if err := spdxlib.ValidateDocument(doc); err != nil {
		t.Error(err)
	}
	if doc.SPDXVersion != v2_3.Version || doc.CreationInfo.Created != "2026-01-02T00:00:00Z" {
		t.Errorf("version %s, created %s", doc.SPDXVersion, doc.CreationInfo.Created)
	}
	inside := map[string][]string{}
	for _, r := range doc.Relationships {
		inside[string(r.RefA.ElementRefID)+" "+r.Relationship] = append(inside[string(r.RefA.ElementRefID)+" "+r.Relationship], string(r.RefB.ElementRefID))
	}
	want := []string{"pypi-acryl-datahub-1.7.0", "pypi-google-one-1.0", "pypi-single-0.1"}
	if diff := cmp.Diff(want, inside["venv-common-venv CONTAINS"]); diff != "" {
		t.Errorf("common-venv (-want +got):\n%s", diff)
	}
	for _, p := range doc.Packages {
		if p.PackageName == "acryl-datahub" && (p.PackageLicenseDeclared != "Apache-2.0" || p.PackageComment != "in venv common-venv, mysql-bundled; for plugin demo-data, file, mysql" ||
			!strings.Contains(p.PackageSourceInfo, "in layer 4, sha256:")) {
			t.Errorf("acryl-datahub: licence %q, %q, %q", p.PackageLicenseDeclared, p.PackageComment, p.PackageSourceInfo)
		}
	}
}

func TestCycloneDXIsValidAndRelatesVenvs(t *testing.T) {
	l := factstest.New(t)
	raw, err := sbom.CycloneDX(collect(t, l), l.Lock, options)
	if err != nil {
		t.Fatal(err)
	}
	var doc cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(raw), cdx.BOMFileFormatJSON).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	if doc.SpecVersion != cdx.SpecVersion1_6 || doc.Metadata.Timestamp != "2026-01-02T00:00:00Z" || !strings.HasPrefix(doc.SerialNumber, "urn:uuid:") {
		t.Errorf("version %v, time %s, serial %s", doc.SpecVersion, doc.Metadata.Timestamp, doc.SerialNumber)
	}
	refs := map[string]bool{"image": true}
	for _, c := range *doc.Components {
		if refs[c.BOMRef] {
			t.Errorf("reference %s is there twice", c.BOMRef)
		}
		refs[c.BOMRef] = true
	}
	for _, d := range *doc.Dependencies {
		for _, ref := range append([]string{d.Ref}, deref(d.Dependencies)...) {
			if !refs[ref] {
				t.Errorf("%s depends on %s, which is not there", d.Ref, ref)
			}
		}
		if d.Ref == "venv-mysql-bundled" {
			if diff := cmp.Diff([]string{"pypi-acryl-datahub-1.7.0", "pypi-google-one-1.0", "pypi-google-two-2.0"}, deref(d.Dependencies)); diff != "" {
				t.Errorf("mysql-bundled (-want +got):\n%s", diff)
			}
		}
	}
}

func deref(s *[]string) []string {
	if s == nil {
		return nil
	}
	return *s
}

func TestMatchFindsTampering(t *testing.T) {
	l := factstest.New(t)
	f := collect(t, l)
	other := l.Clone(t)
	other.Add(factstest.Wheels, imagetest.File("opt/extra-1.0.dist-info/METADATA", "Name: extra\nVersion: 1.0\n"))
	more := collect(t, other)
	for _, format := range formats {
		raw, err := format.write(f, l.Lock, options)
		if err != nil {
			t.Fatal(err)
		}
		for name, tamper := range map[string]func(string) string{
			"version":       func(s string) string { return strings.ReplaceAll(s, "2.0", "2.1") },
			"purl only":     func(s string) string { return strings.ReplaceAll(s, "google-two@2.0", "google-two@2.1") },
			"another image": func(s string) string { return strings.ReplaceAll(s, f.Digest, more.Digest) },
			"cut":           func(s string) string { return s[:len(s)/2] },
			"no format":     func(string) string { return "{}" },
		} {
			doc, err := sbom.Read([]byte(tamper(string(raw))))
			if err == nil {
				err = sbom.Match(doc, f)
			}
			if !fault.Is(err, fault.Integrity) {
				t.Errorf("%s, %s: got %v, want an integrity fault", format.name, name, err)
			}
		}
		doc, err := sbom.Read(raw)
		if err != nil {
			t.Fatal(err)
		}
		if err := sbom.Match(doc, more); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s lacks a package: %v", format.name, err)
		}
		doc, err = sbom.Read(must(format.write(more, l.Lock, options)))
		if err != nil {
			t.Fatal(err)
		}
		doc.Digest = f.Digest
		if err := sbom.Match(doc, f); !fault.Is(err, fault.Integrity) {
			t.Errorf("%s has a package too many: %v", format.name, err)
		}
	}
}

func must(raw []byte, _ error) []byte { return raw }

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"spdxVersion":"SPDX-2.3","packages":[]}`))
	f.Add([]byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"type":"library","name":"a","version":"1","purl":"pkg:pypi/a@1"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := sbom.Read(raw); err != nil && !fault.Is(err, fault.Integrity) {
			t.Errorf("unexpected kind of %v", err)
		}
	})
}
