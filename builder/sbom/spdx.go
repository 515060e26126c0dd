package sbom

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"
)

const noAssertion = "NOASSERTION"

// SPDX returns an SPDX 2.3 document in JSON. l may be nil; then no package has
// the hash of the file it came in.
func SPDX(f *facts.Facts, l *lock.Lock, o Options) ([]byte, error) {
	b := newBOM(f, l, o)
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT",
		DocumentName: b.name, DocumentNamespace: "urn:uuid:" + b.uuid,
		DocumentComment: strings.Join(b.exceptions, "\n"),
		CreationInfo: &v2_3.CreationInfo{
			Created:  f.Config.Created.UTC().Format(time.RFC3339),
			Creators: []common.Creator{{CreatorType: "Tool", Creator: b.tool}},
		},
	}
	relate := func(from, kind, to string) {
		doc.Relationships = append(doc.Relationships, &v2_3.Relationship{
			RefA: common.MakeDocElementID("", from), Relationship: kind, RefB: common.MakeDocElementID("", to),
		})
	}
	doc.Packages = append(doc.Packages, b.spdxImage())
	relate("DOCUMENT", common.TypeRelationshipDescribe, "image")
	for _, v := range b.venvs {
		p := spdxPackage(v.id, v.name, "")
		p.PrimaryPackagePurpose = "INSTALL"
		p.PackageComment = "virtual environment of the plugins " + strings.Join(v.plugins, ", ")
		doc.Packages = append(doc.Packages, p)
		relate("image", common.TypeRelationshipContains, v.id)
		for _, id := range v.holds {
			relate(v.id, common.TypeRelationshipContains, id)
		}
	}
	for _, c := range b.components {
		doc.Packages = append(doc.Packages, c.spdx())
		relate("image", common.TypeRelationshipContains, c.id)
	}
	var buf bytes.Buffer
	if err := spdxjson.Write(doc, &buf, spdxjson.Indent(" "), spdxjson.EscapeHTML(false)); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing the SPDX document of %s", f.Digest)
	}
	return buf.Bytes(), nil
}

func spdxPackage(id, name, version string) *v2_3.Package {
	return &v2_3.Package{
		PackageName: name, PackageSPDXIdentifier: common.ElementID(id), PackageVersion: version,
		PackageDownloadLocation: noAssertion, IsFilesAnalyzedTagPresent: true,
		PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
	}
}

func (b *bom) spdxImage() *v2_3.Package {
	p := spdxPackage("image", b.name, b.facts.Digest)
	p.PrimaryPackagePurpose = "CONTAINER"
	p.PackageChecksums = checksum(strings.TrimPrefix(b.facts.Digest, "sha256:"))
	p.PackageExternalReferences = purlReference(b.imageURL())
	return p
}

func (c *component) spdx() *v2_3.Package {
	p := spdxPackage(c.id, c.name, c.version)
	p.PrimaryPackagePurpose = "LIBRARY"
	if c.kind == "generic" {
		p.PrimaryPackagePurpose = "APPLICATION"
	}
	p.PackageExternalReferences = purlReference(c.purl)
	if c.sha256 != "" {
		p.PackageChecksums = checksum(c.sha256)
	}
	p.PackageSourceInfo = fmt.Sprintf("/%s in layer %d, %s", c.path, c.layer.Index+1, c.layer.Digest)
	if len(c.venvs) > 0 {
		p.PackageComment = fmt.Sprintf("in venv %s; for plugin %s", strings.Join(c.venvs, ", "), strings.Join(c.plugins, ", "))
	}
	switch {
	case isExpression(c.expression):
		p.PackageLicenseDeclared = c.expression
	case c.licence != "":
		p.PackageLicenseComments = "declared as: " + c.licence
	}
	return p
}

func checksum(sha string) []common.Checksum {
	return []common.Checksum{{Algorithm: common.SHA256, Value: sha}}
}

func purlReference(purl string) []*v2_3.PackageExternalReference {
	return []*v2_3.PackageExternalReference{{Category: common.CategoryPackageManager, RefType: common.TypePackageManagerPURL, Locator: purl}}
}

// expression is the form of SPDX licence expressions (SPDX 2.3, annex D);
// whether its identifiers are on the list is the author's business (PEP 639).
var expression = regexp.MustCompile(`^\(*[A-Za-z0-9.+-]+\)*( (AND|OR|WITH) \(*[A-Za-z0-9.+-]+\)*)*$`)

func isExpression(s string) bool {
	return expression.MatchString(s) && strings.Count(s, "(") == strings.Count(s, ")")
}
