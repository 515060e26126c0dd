package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/lockforge/lockforge/executor/gms"
)

// shownDifferences is how many differences of a schema a result names.
const shownDifferences = 50

// schemaMetadata is what is read of the aspect of that name. The type is a
// union: {"com.linkedin.schema.NumberType": {}}.
type schemaMetadata struct {
	Fields []struct {
		Path string `json:"fieldPath"`
		Type struct {
			Type map[string]json.RawMessage `json:"type"`
		} `json:"type"`
	} `json:"fields"`
}

// schema compares the fields of the dataset with the expected.
func (e evaluator) schema(ctx context.Context, m Monitor) (Result, error) {
	aspect, found, err := e.server.Aspect(ctx, m.Dataset, "schemaMetadata")
	if err != nil {
		return Result{}, fail(NoConnection, "reading the schema: %v", err)
	}
	if !found {
		return Result{}, fail(TooLittleData, "the dataset has no schema")
	}
	actual, err := columns(aspect)
	if err != nil {
		return Result{}, err
	}
	differences := compareColumns(m.Columns, actual, m.Compatibility)
	native := map[string]string{
		"Expected Fields": fmt.Sprint(len(m.Columns)), "Actual Fields": fmt.Sprint(len(actual)),
		"Differences": fmt.Sprint(len(differences)),
	}
	if len(differences) > 0 {
		text, _ := json.Marshal(differences[:min(len(differences), shownDifferences)])
		native["events"] = string(text)
	}
	return Result{Verdict: judged(len(differences) == 0), Native: native}, nil
}

func columns(aspect gms.Aspect) ([]Column, error) {
	var schema schemaMetadata
	if err := json.Unmarshal(aspect.Value, &schema); err != nil {
		return nil, fail(Unknown, "the schema of the dataset is not in a known form")
	}
	var actual []Column
	for _, field := range schema.Fields {
		c := Column{Path: simplePath(field.Path)}
		for name := range field.Type.Type { // has one key
			c.Type = typeName(name)
		}
		// A key's own fields and the unions of a path give the same simple path.
		if !slices.Contains(actual, c) {
			actual = append(actual, c)
		}
	}
	return actual, nil
}

// typeName makes NUMBER of com.linkedin.schema.NumberType.
func typeName(class string) string {
	name := class[strings.LastIndexByte(class, '.')+1:]
	return strings.ToUpper(strings.TrimSuffix(name, "Type"))
}

// compareColumns lists how the schema differs in what compatibility minds.
func compareColumns(expected, actual []Column, c Compatibility) []string {
	var differences []string
	for _, want := range expected {
		i := slices.IndexFunc(actual, func(a Column) bool { return samePath(a.Path, want.Path) })
		switch {
		case i < 0 && c != Subset:
			differences = append(differences, fmt.Sprintf("field %s is missing", want.Path))
		case i >= 0 && want.Type != "" && actual[i].Type != want.Type:
			differences = append(differences, fmt.Sprintf("field %s is %s, not %s", want.Path, actual[i].Type, want.Type))
		}
	}
	if c == Superset {
		return differences
	}
	for _, a := range actual {
		if !slices.ContainsFunc(expected, func(want Column) bool { return samePath(a.Path, want.Path) }) {
			differences = append(differences, fmt.Sprintf("field %s is not expected", a.Path))
		}
	}
	return differences
}

// simplePath takes the annotations out of a path of version 2:
// "[version=2.0].[type=struct].a.[type=int].b" is "a.b".
func simplePath(path string) string {
	if !strings.HasPrefix(path, "[version=2.0]") {
		return path
	}
	var parts []string
	for len(path) > 0 {
		if path[0] == '[' {
			end := strings.IndexByte(path, ']')
			if end < 0 {
				break
			}
			path = strings.TrimPrefix(path[end+1:], ".")
			continue
		}
		part, rest, _ := strings.Cut(path, ".[")
		parts = append(parts, part)
		if rest != "" {
			rest = "[" + rest
		}
		path = rest
	}
	return strings.Join(parts, ".")
}

func samePath(a, b string) bool { return a == b || simplePath(a) == simplePath(b) }
