package gmstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/twmb/avro"
)

// schema judges the values of one aspect: strictly by name, as rest.li does,
// and by encoding them with Avro, as GMS does for its log.
type schema struct {
	text   []byte
	series bool

	once  sync.Once
	root  any
	named map[string]any
	codec *avro.Schema
	err   error
}

func (s *schema) prepare() error {
	s.once.Do(func() {
		s.named = map[string]any{}
		if s.err = json.Unmarshal(s.text, &s.root); s.err != nil {
			return
		}
		collect(s.root, "", s.named)
		s.codec, s.err = avro.Parse(string(s.text))
	})
	return s.err
}

// check returns what is wrong with the value.
func (s *schema) check(value []byte) error {
	if err := s.prepare(); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	var parsed any
	if err := d.Decode(&parsed); err != nil {
		return fmt.Errorf("the value is not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	native, err := s.native(parsed, s.root, "", "value")
	if err != nil {
		return err
	}
	_, err = s.codec.Encode(native)
	return err
}

// collect finds the named types.
func collect(node any, namespace string, named map[string]any) {
	switch n := node.(type) {
	case []any:
		for _, branch := range n {
			collect(branch, namespace, named)
		}
	case map[string]any:
		if name := fullName(n, namespace); name != "" {
			namespace = name[:max(0, strings.LastIndexByte(name, '.'))]
			named[name] = n
		}
		for _, key := range []string{"type", "items", "values"} {
			collect(n[key], namespace, named)
		}
		if fields, ok := n["fields"].([]any); ok {
			for _, field := range fields {
				if f, ok := field.(map[string]any); ok {
					collect(f["type"], namespace, named)
				}
			}
		}
	}
}

// fullName is that of a named type, "" for others.
func fullName(n map[string]any, namespace string) string {
	name, _ := n["name"].(string)
	kind, _ := n["type"].(string)
	if name == "" || !slices.Contains([]string{"record", "enum", "fixed"}, kind) {
		return ""
	}
	if own, ok := n["namespace"].(string); ok {
		namespace = own
	}
	if strings.Contains(name, ".") || namespace == "" {
		return name
	}
	return namespace + "." + name
}

// native turns a value in rest.li's JSON into one that Avro's encoder takes.
func (s *schema) native(value, node any, namespace, at string) (any, error) {
	switch n := node.(type) {
	case string:
		if named, ok := s.lookup(n, namespace); ok {
			return s.native(value, named, namespace, at)
		}
		return primitive(value, n, at)
	case []any:
		return s.union(value, n, namespace, at)
	case map[string]any:
		if name := fullName(n, namespace); name != "" {
			namespace = name[:max(0, strings.LastIndexByte(name, '.'))]
		}
		return s.complex(value, n, namespace, at)
	}
	return nil, fmt.Errorf("%s: the schema has an unknown form", at)
}

func (s *schema) lookup(name, namespace string) (any, bool) {
	if named, ok := s.named[name]; ok {
		return named, true
	}
	named, ok := s.named[namespace+"."+name]
	return named, ok
}

func (s *schema) complex(value any, n map[string]any, namespace, at string) (any, error) {
	switch n["type"] {
	case "record":
		return s.record(value, n, namespace, at)
	case "array":
		list, ok := value.([]any)
		if !ok {
			return nil, fmt.Errorf("%s: not an array", at)
		}
		native := make([]any, len(list))
		var err error
		for i := range list {
			if native[i], err = s.native(list[i], n["items"], namespace, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return nil, err
			}
		}
		return native, nil
	case "map":
		object, ok := value.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%s: not a map", at)
		}
		native := make(map[string]any, len(object))
		var err error
		for key := range object {
			if native[key], err = s.native(object[key], n["values"], namespace, at+"."+key); err != nil {
				return nil, err
			}
		}
		return native, nil
	case "enum":
		symbol, ok := value.(string)
		if symbols, _ := n["symbols"].([]any); !ok || !slices.Contains(symbols, any(symbol)) {
			return nil, fmt.Errorf("%s: not one of the symbols of %s", at, n["name"])
		}
		return symbol, nil
	case "fixed":
		return primitive(value, "bytes", at)
	}
	return s.native(value, n["type"], namespace, at)
}

// record takes no field that the schema does not have and leaves out none that
// it requires.
func (s *schema) record(value any, n map[string]any, namespace, at string) (any, error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s: not an object", at)
	}
	native := map[string]any{}
	rest := maps.Clone(object)
	fields, _ := n["fields"].([]any)
	for _, raw := range fields {
		field, _ := raw.(map[string]any)
		name, _ := field["name"].(string)
		given, ok := rest[name]
		delete(rest, name)
		if !ok && name == "fieldDiscriminator" && len(object) == 1 {
			for key := range object { // a union whose members have names of their own
				given, ok = key, true
			}
		}
		if !ok {
			if fallback, has := field["default"]; has {
				native[name] = fallback
				continue
			}
			return nil, fmt.Errorf("%s.%s: required and missing", at, name)
		}
		var err error
		if native[name], err = s.native(given, field["type"], namespace, at+"."+name); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%s: unrecognized field found but not allowed: %v", at, slices.Sorted(maps.Keys(rest)))
	}
	return native, nil
}

// union takes an optional value as it is, and a choice as {"type": value}.
func (s *schema) union(value any, branches []any, namespace, at string) (any, error) {
	var choices []any
	for _, branch := range branches {
		if branch == "null" && value == nil {
			return nil, nil
		}
		if branch != "null" {
			choices = append(choices, branch)
		}
	}
	if len(choices) == 1 {
		return s.native(value, choices[0], namespace, at)
	}
	tagged, ok := value.(map[string]any)
	if !ok || len(tagged) != 1 {
		return nil, fmt.Errorf("%s: a choice is an object with one type's name", at)
	}
	for tag, inner := range tagged {
		for _, choice := range choices {
			name := branchName(choice, namespace)
			if tag != name && tag != restliName(name) {
				continue
			}
			native, err := s.native(inner, choice, namespace, at+"."+tag)
			return map[string]any{name: native}, err
		}
	}
	return nil, fmt.Errorf("%s: none of the choices %v", at, slices.Sorted(maps.Keys(tagged)))
}

func branchName(branch any, namespace string) string {
	switch b := branch.(type) {
	case string:
		return b
	case map[string]any:
		if name := fullName(b, namespace); name != "" {
			return name
		}
		kind, _ := b["type"].(string)
		return kind
	}
	return ""
}

// primitive takes a value of exactly the type.
func primitive(value any, kind, at string) (any, error) {
	switch v := value.(type) {
	case string:
		switch kind {
		case "string":
			return v, nil
		case "bytes":
			return []byte(v), nil
		}
	case bool:
		if kind == "boolean" {
			return v, nil
		}
	case json.Number:
		switch kind {
		case "int", "long":
			if n, err := v.Int64(); err == nil {
				return n, nil
			}
		case "float", "double":
			return v.Float64()
		}
	case nil:
		if kind == "null" {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("%s: not of type %s", at, kind)
}
