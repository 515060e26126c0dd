package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/invopop/jsonschema"
)

// manifestPage describes every key of the YAML form, in the schema's order.
func manifestPage(schema []byte) ([]byte, error) {
	var root jsonschema.Schema
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("reading the manifest's schema: %w", err)
	}
	var page document
	page.heading(1, "Manifest")
	page.paragraph("%s Editors check it by the schema in `manifests/schema.json`; `lockforge validate` checks more.", root.Description)
	page.table([]string{"key", "form", "default", "meaning"}, keys(&root, ""))
	return page.Bytes(), nil
}

// keys are the rows of a mapping's keys, each before those below it.
func keys(s *jsonschema.Schema, prefix string) [][]string {
	var rows [][]string
	for p := s.Properties.Oldest(); p != nil; p = p.Next() {
		key, value := prefix+p.Key, p.Value
		meaning := value.Description
		if slices.Contains(s.Required, p.Key) {
			meaning = strings.TrimSpace(meaning + " Required.")
		}
		rows = append(rows, []string{"`" + key + "`", form(value), defaultValue(value), meaning})
		rows = append(rows, below(value, key)...)
	}
	return rows
}

// below are the rows of what a key holds.
func below(s *jsonschema.Schema, key string) [][]string {
	var rows [][]string
	for _, option := range append([]*jsonschema.Schema{s}, s.OneOf...) {
		if option.Properties != nil {
			rows = append(rows, keys(option, key+".")...)
		}
		if option.Items != nil {
			rows = append(rows, below(option.Items, key+"[]")...)
		}
		if free := option.AdditionalProperties; free != nil {
			rows = append(rows, below(free, key+".LABEL")...)
		}
	}
	return rows
}

// form says in a few words what a value looks like.
func form(s *jsonschema.Schema) string {
	switch {
	case len(s.Enum) > 0:
		values := make([]string, len(s.Enum))
		for i, v := range s.Enum {
			values[i] = fmt.Sprintf("`%v`", v)
		}
		return strings.Join(values, " or ")
	case s.Type == "" && len(s.OneOf) > 0:
		forms := make([]string, len(s.OneOf))
		for i, option := range s.OneOf {
			forms[i] = form(option)
		}
		return strings.Join(forms, ", or ")
	case s.Type == "array" && s.Items != nil:
		return "list of: " + form(s.Items)
	case s.Type == "object":
		return "mapping"
	case s.Pattern != "":
		return s.Type + " `" + s.Pattern + "`"
	default:
		return s.Type
	}
}

func defaultValue(s *jsonschema.Schema) string {
	if s.Default == nil {
		return ""
	}
	return fmt.Sprintf("`%v`", s.Default)
}
