package sbom

import (
	"bytes"
	"strconv"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/lockforge/lockforge/builder/facts"
	"github.com/lockforge/lockforge/builder/fault"
	"github.com/lockforge/lockforge/builder/lock"
)

// Names of properties. Values of repeated ones are a list.
const (
	propertyVenv      = "lockforge:venv"
	propertyPlugin    = "lockforge:plugin"
	propertyPath      = "lockforge:path"
	propertyLayer     = "lockforge:layer"
	propertyLayerName = "lockforge:layer:digest"
	propertyException = "lockforge:exception"
)

// CycloneDX returns a CycloneDX 1.6 document in JSON. l may be nil; then no
// component has the hash of the file it came in.
func CycloneDX(f *facts.Facts, l *lock.Lock, o Options) ([]byte, error) {
	b := newBOM(f, l, o)
	doc := cdx.NewBOM()
	doc.SerialNumber = "urn:uuid:" + b.uuid
	doc.Metadata = b.cdxMetadata()
	var components []cdx.Component
	inImage := []string{}
	dependencies := []cdx.Dependency{{Ref: "image", Dependencies: &inImage}}
	for _, v := range b.venvs {
		properties := list(propertyPlugin, v.plugins)
		components = append(components, cdx.Component{BOMRef: v.id, Type: cdx.ComponentTypeApplication, Name: v.name, Properties: &properties})
		inImage = append(inImage, v.id)
		dependencies = append(dependencies, cdx.Dependency{Ref: v.id, Dependencies: &v.holds})
	}
	for _, c := range b.components {
		components = append(components, c.cdx())
		inImage = append(inImage, c.id)
		dependencies = append(dependencies, cdx.Dependency{Ref: c.id})
	}
	doc.Components, doc.Dependencies = &components, &dependencies
	var buf bytes.Buffer
	enc := cdx.NewBOMEncoder(&buf, cdx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	if err := enc.EncodeVersion(doc, cdx.SpecVersion1_6); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "writing the CycloneDX document of %s", f.Digest)
	}
	return buf.Bytes(), nil
}

func (b *bom) cdxMetadata() *cdx.Metadata {
	tool := []cdx.Component{{Type: cdx.ComponentTypeApplication, Name: b.tool}}
	exceptions := list(propertyException, b.exceptions)
	return &cdx.Metadata{
		Timestamp: b.facts.Config.Created.UTC().Format(time.RFC3339),
		Tools:     &cdx.ToolsChoice{Components: &tool},
		Component: &cdx.Component{
			BOMRef: "image", Type: cdx.ComponentTypeContainer, Name: b.name, Version: b.facts.Digest, PackageURL: b.imageURL(),
		},
		Properties: &exceptions,
	}
}

func (c *component) cdx() cdx.Component {
	properties := []cdx.Property{
		{Name: propertyPath, Value: "/" + c.path},
		{Name: propertyLayer, Value: strconv.Itoa(c.layer.Index + 1)},
		{Name: propertyLayerName, Value: c.layer.Digest},
	}
	properties = append(properties, list(propertyVenv, c.venvs)...)
	properties = append(properties, list(propertyPlugin, c.plugins)...)
	out := cdx.Component{
		BOMRef: c.id, Type: cdx.ComponentTypeLibrary, Name: c.name, Version: c.version, PackageURL: c.purl, Properties: &properties,
	}
	if c.kind == "generic" {
		out.Type = cdx.ComponentTypeApplication
	}
	if c.sha256 != "" {
		out.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: c.sha256}}
	}
	switch {
	case isExpression(c.expression):
		out.Licenses = &cdx.Licenses{{Expression: c.expression}}
	case c.licence != "":
		out.Licenses = &cdx.Licenses{{License: &cdx.License{Name: c.licence}}}
	}
	return out
}

func list(name string, values []string) []cdx.Property {
	properties := []cdx.Property{}
	for _, v := range values {
		properties = append(properties, cdx.Property{Name: name, Value: v})
	}
	return properties
}
