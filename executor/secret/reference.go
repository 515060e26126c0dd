package secret

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Reference is a name in a recipe whose value comes from elsewhere.
type Reference struct {
	Name string
	// Required is false where the recipe says what to do without a value:
	// ${NAME:-default} and the like.
	Required bool
}

// ErrSyntax is the error for a reference that DataHub's CLI would refuse.
var ErrSyntax = errors.New("wrong reference")

// maxNameBytes is what a file name may have.
const maxNameBytes = 255

// References returns the names that a recipe in JSON refers to, sorted, each
// once. It reads the recipe as DataHub's CLI does: values are expanded, keys
// are not; a value with a ${...} in it is expanded throughout, $NAME included;
// and a value without is left alone, for stores are not to be asked for what
// may be a password with a dollar in it.
//
// The forms are ${NAME}, ${NAME<op>word} with the operators :- - := = :+ + (no
// value needed) and :? ? and offsets (value needed), and ${#NAME}. A word may
// have references of its own, which never are required. A backslash takes the
// meaning from a dollar. ${!NAME} is refused: it would let a secret choose the
// name of another.
func References(recipe []byte) ([]Reference, error) {
	var document any
	if err := json.Unmarshal(recipe, &document); err != nil {
		return nil, fmt.Errorf("reading the recipe: %w", err)
	}
	var found collection
	found.walk(document)
	return found.sorted()
}

// ReferencesInText is References for a recipe that cannot be read any closer,
// as for YAML: it takes the whole text for one value, but only ${...} counts.
func ReferencesInText(recipe string) ([]Reference, error) {
	found := collection{bracesOnly: true}
	found.scan(recipe, true)
	return found.sorted()
}

type collection struct {
	bracesOnly bool
	required   map[string]bool
	problems   []error
}

func (c *collection) walk(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, child := range node {
			c.walk(child)
		}
	case []any:
		for _, child := range node {
			c.walk(child)
		}
	case string:
		if expanded(node) {
			c.scan(node, true)
		}
	}
}

// expanded reports whether the CLI expands a value: a line of it has a brace
// after a dollar and a closing one at some distance.
func expanded(value string) bool {
	for line := range strings.SplitSeq(value, "\n") {
		if open := strings.Index(line, "${"); open >= 0 && strings.LastIndexByte(line, '}') > open+2 {
			return true
		}
	}
	return false
}

func (c *collection) scan(text string, required bool) {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] != '$' || i+1 == len(text):
		case text[i+1] == '{':
			length := c.braces(text[i+2:], required)
			if length < 0 {
				return
			}
			i += 1 + length
		case text[i+1] == '$':
			i++
		case !c.bracesOnly:
			if name := leadingName(text[i+1:]); name != "" {
				c.add(name, required)
				i += len(name)
			}
		}
	}
}

// braces reads a reference from behind its opening brace and returns how long
// it is with the closing one, or -1 where there is none.
func (c *collection) braces(text string, required bool) int {
	end := closing(text)
	if end < 0 {
		if !c.bracesOnly { // in a text it may be a comment
			c.problems = append(c.problems, fmt.Errorf("%w: ${ without a closing brace", ErrSyntax))
		}
		return -1
	}
	body := text[:end]
	if strings.HasPrefix(body, "!") {
		c.problems = append(c.problems, fmt.Errorf("%w: ${!NAME}, the value of a value, is not supported", ErrSyntax))
		return end + 1
	}
	body = strings.TrimPrefix(body, "#")
	name := leadingName(body)
	if name == "" {
		c.problems = append(c.problems, fmt.Errorf("%w: ${ without a name of letters, digits and underscores", ErrSyntax))
		return end + 1
	}
	operation := strings.TrimPrefix(body[len(name):], ":")
	if operation != "" {
		c.scan(operation[1:], false)
	}
	c.add(name, required && (operation == "" || strings.IndexByte("-=+", operation[0]) < 0))
	return end + 1
}

// closing returns where the brace is that closes one before text, or -1.
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch {
		case text[i] == '{':
			depth++
		case text[i] == '}' && depth > 0:
			depth--
		case text[i] == '}':
			return i
		}
	}
	return -1
}

func (c *collection) add(name string, required bool) {
	if len(name) > maxNameBytes {
		c.problems = append(c.problems, fmt.Errorf("%w: a name of %d bytes; the limit is %d", ErrSyntax, len(name), maxNameBytes))
		return
	}
	if c.required == nil {
		c.required = map[string]bool{}
	}
	c.required[name] = c.required[name] || required
}

func (c *collection) sorted() ([]Reference, error) {
	if len(c.problems) > 0 {
		return nil, errors.Join(c.problems...)
	}
	var refs []Reference
	for name, required := range c.required {
		refs = append(refs, Reference{name, required})
	}
	slices.SortFunc(refs, func(a, b Reference) int { return cmp.Compare(a.Name, b.Name) })
	return refs, nil
}

func leadingName(text string) string {
	n := 0
	for n < len(text) && nameByte(text[n]) {
		n++
	}
	return text[:n]
}

func nameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// validName reports whether a name can come from a reference. Stores refuse
// others: a name must never be a path.
func validName(name string) bool {
	return name != "" && len(name) <= maxNameBytes && leadingName(name) == name
}
