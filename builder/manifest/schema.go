package manifest

import (
	"encoding/json"
	"regexp"

	"github.com/invopop/jsonschema"
	"github.com/lockforge/lockforge/builder/fault"
)

// Schema returns the JSON schema of the YAML form, for editors: indented,
// ending in a newline, the same bytes on every call. It says what a schema
// can say; Load checks more (references between keys, versions, duplicates).
func Schema() ([]byte, error) {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true}
	s := r.Reflect(&document{})
	s.Title = "lockforge manifest"
	s.Description = "What goes into a locked DataHub image."
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encoding the manifest schema")
	}
	return append(data, '\n'), nil
}

// document is the YAML form as a schema describes it: Manifest in the
// spelling of the file.
type document struct {
	Version   int                  `json:"version" jsonschema:"enum=1" jsonschema_description:"Version of the format."`
	Name      imageName            `json:"name,omitempty" jsonschema:"default=datahub-executor-locked" jsonschema_description:"Name of the image, without registry."`
	CLI       cliForm              `json:"cli"`
	Plugins   []pluginForm         `json:"plugins,omitempty" jsonschema_description:"Connectors to bundle, as recipes name them in source.type. Each gets a venv of its own unless a group lists it."`
	Groups    map[string]groupForm `json:"groups,omitempty" jsonschema_description:"Plugins that share one venv, by label."`
	Custom    []customForm         `json:"custom,omitempty" jsonschema_description:"Sources of your own, each in its own venv."`
	Indexes   *indexesForm         `json:"indexes,omitempty" jsonschema_description:"Where wheels come from. Without it, the pip and uv configuration of the user decides."`
	Resolve   *resolveForm         `json:"resolve,omitempty"`
	Wheels    []wheelForm          `json:"wheels,omitempty" jsonschema_description:"Local wheels, by hash."`
	Reviewed  []reviewForm         `json:"reviewed,omitempty" jsonschema_description:"Start-up files of wheels that you have read and accept."`
	Allow     []allowForm          `json:"allow,omitempty" jsonschema_description:"Programs that a locked image doesn't have and a plugin needs."`
	Base      *baseForm            `json:"base,omitempty" jsonschema_description:"The OS under the venvs: exactly one of debian, image and layout."`
	Runtime   *runtimeForm         `json:"runtime,omitempty"`
	VenvPath  venvDirectory        `json:"venvPath,omitempty" jsonschema:"default=/opt/datahub/venvs" jsonschema_description:"Directory of the venvs in the image."`
	Layers    *layersForm          `json:"layers,omitempty"`
	Platforms []string             `json:"platforms,omitempty" jsonschema:"minItems=1,uniqueItems=true,enum=linux/amd64,enum=linux/arm64" jsonschema_description:"Platforms to lock and build; linux/amd64 unless given."`
}

type cliForm struct {
	Version     versionText  `json:"version" jsonschema_description:"Release of the DataHub CLI (acryl-datahub), such as 1.7.0.17."`
	Slim        bool         `json:"slim,omitempty" jsonschema:"default=false" jsonschema_description:"Leave Spark out of the connectors that have a slim variant."`
	Constraints relativeFile `json:"constraints,omitempty" jsonschema_description:"Constraints file, relative to the manifest."`
}

type pluginMapping struct {
	Name   pluginText  `json:"name" jsonschema_description:"Connector."`
	Extras []extraText `json:"extras,omitempty" jsonschema_description:"Further extras of the CLI release for this connector, such as mssql-odbc."`
}

type groupMapping struct {
	Plugins []pluginText `json:"plugins" jsonschema:"minItems=1"`
	Primary pluginText   `json:"primary,omitempty" jsonschema_description:"The member that decides the choices which only one can decide."`
}

type customForm struct {
	Name         pluginText `json:"name" jsonschema_description:"Name of the venv, NAME-bundled."`
	Requirements []string   `json:"requirements" jsonschema:"minItems=1" jsonschema_description:"PEP 508 requirements."`
	Source       classText  `json:"source" jsonschema_description:"Class of the source, module:Class."`
}

type indexesForm struct {
	Default *defaultIndexForm `json:"default,omitempty" jsonschema_description:"Serves every project that no extra index serves."`
	Extra   []extraIndexForm  `json:"extra,omitempty"`
}

type defaultIndexForm struct {
	Name    indexText `json:"name,omitempty" jsonschema:"default=default"`
	URL     address   `json:"url" jsonschema_description:"Address of a PEP 503 index."`
	Mirrors []address `json:"mirrors,omitempty" jsonschema_description:"Further addresses of the same files."`
}

type extraIndexForm struct {
	Name     indexText `json:"name" jsonschema_description:"The lock names the index by this."`
	URL      address   `json:"url" jsonschema_description:"Address of a PEP 503 index."`
	Mirrors  []address `json:"mirrors,omitempty" jsonschema_description:"Further addresses of the same files."`
	Packages []string  `json:"packages" jsonschema:"minItems=1" jsonschema_description:"Projects that come from this index and no other; * stands for any characters."`
}

type resolveForm struct {
	Cooldown days `json:"cooldown,omitempty" jsonschema_description:"Ignore files uploaded within this time, such as 7d."`
}

type wheelForm struct {
	Path   wheelFile `json:"path" jsonschema_description:"Wheel file, relative to the manifest."`
	SHA256 hashText  `json:"sha256"`
}

type reviewForm struct {
	File   startFile `json:"file" jsonschema_description:"Path in site-packages."`
	SHA256 hashText  `json:"sha256"`
	Reason string    `json:"reason" jsonschema:"minLength=1"`
}

type allowForm struct {
	Program string `json:"program" jsonschema:"enum=git"`
	Reason  string `json:"reason" jsonschema:"minLength=1"`
}

type baseForm struct {
	Debian  *debianForm `json:"debian,omitempty" jsonschema_description:"Assembled from Debian packages, by hash."`
	Image   digested    `json:"image,omitempty" jsonschema_description:"An image by digest."`
	Layout  digested    `json:"layout,omitempty" jsonschema_description:"An OCI layout directory, relative to the manifest, with the digest of its image."`
	Flatten bool        `json:"flatten,omitempty" jsonschema_description:"Copy the base without forbidden files into one new layer."`
}

type debianForm struct {
	Suite           string    `json:"suite,omitempty" jsonschema:"enum=trixie,enum=bookworm,default=trixie"`
	Mirrors         []address `json:"mirrors,omitempty" jsonschema_description:"Archives of main and updates; the apt sources of this machine unless given."`
	SecurityMirrors []address `json:"securityMirrors,omitempty" jsonschema_description:"Archives of security updates."`
}

type runtimeForm struct {
	Executor bool `json:"executor,omitempty" jsonschema:"default=true" jsonschema_description:"Put the executor into the image, as its entry point."`
	User     int  `json:"user,omitempty" jsonschema:"minimum=1,maximum=2147483646,default=1000" jsonschema_description:"Numeric user of the image."`
}

type layersForm struct {
	Budget      int    `json:"budget,omitempty" jsonschema:"minimum=8,maximum=120,default=48" jsonschema_description:"Highest number of layers."`
	Compression string `json:"compression,omitempty" jsonschema:"enum=zstd,enum=gzip,default=zstd"`
}

// Texts whose pattern is the one that Load checks.
type (
	imageName     string
	pluginText    string
	extraText     string
	versionText   string
	classText     string
	indexText     string
	hashText      string
	venvDirectory string
	digested      string
	relativeFile  string
	wheelFile     string
	startFile     string
	address       string
	days          string
	pluginForm    struct{}
	groupForm     struct{}
)

func patterned(g *regexp.Regexp) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: g.String()}
}

func (imageName) JSONSchema() *jsonschema.Schema     { return patterned(nameGrammar) }
func (pluginText) JSONSchema() *jsonschema.Schema    { return patterned(pluginGrammar) }
func (classText) JSONSchema() *jsonschema.Schema     { return patterned(classGrammar) }
func (indexText) JSONSchema() *jsonschema.Schema     { return patterned(indexNameGrammar) }
func (hashText) JSONSchema() *jsonschema.Schema      { return patterned(hashGrammar) }
func (venvDirectory) JSONSchema() *jsonschema.Schema { return patterned(pathGrammar) }
func (digested) JSONSchema() *jsonschema.Schema      { return patterned(digestGrammar) }

// An extra may be written in any spelling that PEP 685 normalises.
func (extraText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[A-Za-z0-9]+(?:[._-]+[A-Za-z0-9]+)*$`}
}

func (relativeFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[^/\\]`}
}

func (wheelFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[^/\\].*\.whl$`}
}

func (startFile) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `(^|/)(sitecustomize\.py|usercustomize\.py|[^/]*\.(pth|start))$`}
}

func (address) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^https?://[^/]`}
}

func (days) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{Type: "string", Pattern: `^[0-9]{1,3}d$`}
}

// A version such as 1.10 is a number to YAML; Load reads it as written.
func (versionText) JSONSchema() *jsonschema.Schema {
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{
		{Type: "string", Pattern: `^v?[0-9]`}, {Type: "number"},
	}}
}

func (pluginForm) JSONSchema() *jsonschema.Schema {
	return either(pluginText("").JSONSchema(), &pluginMapping{})
}

func (groupForm) JSONSchema() *jsonschema.Schema {
	one := uint64(1)
	return either(&jsonschema.Schema{Type: "array", Items: pluginText("").JSONSchema(), MinItems: &one}, &groupMapping{})
}

// either is a schema for a short form and a mapping.
func either(short *jsonschema.Schema, mapping any) *jsonschema.Schema {
	r := jsonschema.Reflector{DoNotReference: true, Anonymous: true}
	long := r.Reflect(mapping)
	long.Version = ""
	return &jsonschema.Schema{OneOf: []*jsonschema.Schema{short, long}}
}

// JSONSchemaExtend says what concerns several keys: an image needs something
// to bundle, and labels have a grammar.
func (document) JSONSchemaExtend(s *jsonschema.Schema) {
	s.AnyOf = []*jsonschema.Schema{{Required: []string{"plugins"}}, {Required: []string{"custom"}}}
	groups, _ := s.Properties.Get("groups")
	groups.PropertyNames = patterned(labelGrammar)
}

// JSONSchemaExtend says that a base is of exactly one kind.
func (baseForm) JSONSchemaExtend(s *jsonschema.Schema) {
	for _, key := range []string{"debian", "image", "layout"} {
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Required: []string{key}})
	}
}
