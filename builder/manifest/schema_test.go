package manifest_test

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lockforge/lockforge/builder/manifest"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
)

func TestSchemaIsCurrent(t *testing.T) {
	want, err := manifest.Schema()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(goodDir + "/schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("manifests/schema.json is out of date: run `make generate`")
	}
}

// TestSchemaKnowsEveryKey compares the schema's keys with those of a manifest
// that has all of them, and that Load accepts.
func TestSchemaKnowsEveryKey(t *testing.T) {
	inSchema, inManifest := map[string]bool{}, map[string]bool{}
	schemaKeys(schemaDocument(t), "", inSchema)
	text := full + "extra-base: {image: x, layout: x, flatten: true}\n"
	var doc map[string]any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	maps.Copy(doc["base"].(map[string]any), doc["extra-base"].(map[string]any))
	delete(doc, "extra-base")
	doc["indexes"].(map[string]any)["default"].(map[string]any)["name"] = "default"
	valueKeys(doc, "", inManifest)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(inManifest)), slices.Sorted(maps.Keys(inSchema))); diff != "" {
		t.Errorf("keys (-manifest +schema):\n%s", diff)
	}
}

func TestGoodManifestsSatisfyTheSchema(t *testing.T) {
	schema := compile(t)
	texts := map[string]string{"full": full, "same as env": sameAsEnv, "number": "version: 1\ncli: {version: 1.10}\nplugins: [mysql]\n"}
	names, err := filepath.Glob(goodDir + "/*.yaml")
	if err != nil || len(names) < 2 {
		t.Fatalf("found only %q: %v", names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := manifest.Load(manifest.Disk{}, name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=./schema.json\n") {
			t.Errorf("%s does not name its schema", name)
		}
		texts[name] = string(data)
	}
	for name, text := range texts {
		if err := validate(schema, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEvilManifestsAgainstTheSchema checks what each file says an editor will
// see: "refuses", "accepts" (what a schema can't say), "unreadable".
func TestEvilManifestsAgainstTheSchema(t *testing.T) {
	schema := compile(t)
	names, err := filepath.Glob(evilDir + "/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no evil manifests: %v", err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got := "accepts"
		var invalid *jsonschema.ValidationError
		switch err := validate(schema, string(data)); {
		case errors.As(err, &invalid):
			got = "refuses"
		case err != nil:
			got = "unreadable"
		}
		if m := schemaLine.FindStringSubmatch(string(data)); m == nil || m[1] != got {
			t.Errorf("%s: the schema %s it, the file says %q", filepath.Base(name), got, m)
		}
	}
}

func schemaDocument(t *testing.T) map[string]any {
	t.Helper()
	data, err := manifest.Schema()
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func compile(t *testing.T) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	if err := c.AddResource("schema.json", schemaDocument(t)); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, text string) error {
	var doc any
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		return err
	}
	return schema.Validate(doc)
}

// schemaKeys collects the key paths of a schema; labels and items are "*".
func schemaKeys(v any, path string, into map[string]bool) {
	s, ok := v.(map[string]any)
	if !ok {
		return
	}
	if properties, ok := s["properties"].(map[string]any); ok {
		for key, sub := range properties {
			into[path+"."+key] = true
			schemaKeys(sub, path+"."+key, into)
		}
	}
	schemaKeys(s["items"], path, into)
	schemaKeys(s["additionalProperties"], path+".*", into)
	if alternatives, ok := s["oneOf"].([]any); ok {
		for _, a := range alternatives {
			schemaKeys(a, path, into)
		}
	}
}

func valueKeys(v any, path string, into map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			valueKeys(item, path, into)
		}
	case map[string]any:
		for key, sub := range v {
			if path == ".groups" {
				valueKeys(sub, path+".*", into)
				continue
			}
			into[path+"."+key] = true
			valueKeys(sub, path+"."+key, into)
		}
	}
}
