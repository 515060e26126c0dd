package secret

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxExpanded bounds what one text becomes, in bytes: a few references to one
// large secret must not fill the memory.
const maxExpanded = 16 << 20

// Expand puts values in place of the references in one text of a recipe, for a
// CLI that takes no secrets beside the recipe. It reads references as that CLI
// does, see [References], and gives back a text that the CLI, which expands
// what it reads, leaves as it is. Offsets, ${!NAME} and $$ are refused with
// ErrSyntax; a name without a value and without a default is *Unresolved.
func Expand(text string, values map[string]string) (string, error) {
	if !expanded(text) {
		return text, nil
	}
	e := expander{values: values}
	e.expand(text, true)
	if e.err != nil {
		return "", e.err
	}
	return literal(e.out.String()), nil
}

// literal returns the text that the CLI expands to this one.
func literal(text string) string {
	escape := strings.NewReplacer(`\`, `\\`, `$`, `\$`)
	switch {
	case expanded(text):
		return escape.Replace(text)
	case strings.HasPrefix(text, "$"):
		// The CLI would try to expand this, but not with a backslash before
		// it: the empty expansion makes it read escapes.
		return "${_:+}" + escape.Replace(text)
	default:
		return text
	}
}

type expander struct {
	values map[string]string
	out    strings.Builder
	err    error // the first
}

// expand appends a text; required says whether a name without a value is an
// error, and not empty.
func (e *expander) expand(text string, required bool) {
	for i := 0; i < len(text) && e.err == nil; i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			if i++; text[i] != '$' && text[i] != '\\' {
				e.write(`\`)
			}
			e.write(text[i : i+1])
		case c == '\\':
			e.fail("%w: a backslash at the end", ErrSyntax)
		case c != '$' || i+1 == len(text):
			e.write(text[i : i+1])
		case text[i+1] == '{':
			i += 1 + e.braces(text[i+2:], required)
		case text[i+1] == '$':
			e.fail(`%w: $$ is the number of a process; write \$ for a dollar`, ErrSyntax)
		default:
			name := leadingName(text[i+1:])
			if i += len(name); name == "" {
				e.write("$")
			} else {
				e.write(e.value(name, required))
			}
		}
	}
}

// braces appends a reference from behind its opening brace, and returns how
// long it is with the closing one.
func (e *expander) braces(text string, required bool) int {
	end := closing(text)
	if end < 0 {
		e.fail("%w: ${ without a closing brace", ErrSyntax)
		return 0
	}
	body, length := strings.CutPrefix(text[:end], "#")
	name := leadingName(body)
	operation := strings.TrimPrefix(body[len(name):], ":")
	switch {
	case name == "":
		e.fail("%w: ${ without a name of letters, digits and underscores", ErrSyntax)
	case length && operation == "":
		e.write(strconv.Itoa(utf8.RuneCountInString(e.values[name])))
	case length:
		e.fail("%w: ${#%s with more behind it", ErrSyntax, name)
	case operation == "" && len(body) == len(name):
		e.write(e.value(name, required))
	default:
		e.operate(name, operation)
	}
	return end + 1
}

// operate appends what an operator makes of a value. "Without a value" is an
// empty one too, with a colon or without.
func (e *expander) operate(name, operation string) {
	value := e.values[name]
	if operation == "" {
		e.fail("%w: ${%s:} has no operator", ErrSyntax, name)
		return
	}
	operator, word := operation[0], operation[1:]
	switch {
	case operator == '+' && value != "":
		e.expand(word, false)
	case operator == '+':
	case strings.IndexByte("-=?", operator) < 0:
		e.fail("%w: ${%s%s}: parts of a value need DataHub CLI 1.5.0.15", ErrSyntax, name, operation)
	case value != "":
		e.write(value)
	case operator == '?':
		e.unresolved(name)
	default:
		e.expand(word, false)
	}
}

func (e *expander) value(name string, required bool) string {
	value, ok := e.values[name]
	if !ok && required {
		e.unresolved(name)
	}
	return value
}

func (e *expander) unresolved(name string) {
	if e.err == nil {
		e.err = &Unresolved{Names: []string{name}}
	}
}

func (e *expander) write(text string) {
	if e.out.Len()+len(text) > maxExpanded {
		e.fail("%w: with the values in it, a text has more than %d bytes", ErrValue, maxExpanded)
		return
	}
	e.out.WriteString(text)
}

func (e *expander) fail(format string, args ...any) {
	if e.err == nil {
		e.err = fmt.Errorf(format, args...)
	}
}
