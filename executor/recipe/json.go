package recipe

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonReader builds values from a text that is known to be valid JSON, and to
// be nested no deeper than allowed.
type jsonReader struct {
	source []byte
	tokens *json.Decoder
	found  *problems
	// offset was the place of at; places only move forward.
	offset int
	at     position
}

func readJSON(source []byte, found *problems) value {
	if scanJSON(source, found); len(*found) > 0 {
		return value{}
	}
	r := &jsonReader{source: source, tokens: json.NewDecoder(bytes.NewReader(source)), found: found, at: position{1, 1}}
	r.tokens.UseNumber()
	return r.value()
}

// scanJSON looks for what the decoder is silent about: deep nesting, and
// halves of surrogate pairs, which it replaces.
func scanJSON(source []byte, found *problems) {
	depth, quoted := 0, false
	for i := 0; i < len(source); i++ {
		switch b := source[i]; {
		case b == '"':
			quoted = !quoted
		case quoted && b == '\\':
			i++ // the escaped character
			if source[i] != 'u' {
				continue
			}
			r := escaped(source[i-1:])
			if utf16.IsSurrogate(r) {
				if utf16.DecodeRune(r, escaped(source[i+5:])) == utf8.RuneError {
					found.add(place(source, i-1), Encoding, "", "half of a surrogate pair")
					return
				}
				i += 6
			}
			i += 4
		case quoted:
		case b == '{' || b == '[':
			if depth++; depth > MaxDepth {
				found.add(place(source, i), TooLarge, "", "nesting deeper than %d", MaxDepth)
				return
			}
		case b == '}' || b == ']':
			depth--
		}
	}
}

// escaped decodes a \uXXXX that s starts with; -1 if it starts with none.
func escaped(s []byte) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// next returns the next token and where it starts.
func (r *jsonReader) next() (json.Token, position) {
	start := int(r.tokens.InputOffset())
	for start < len(r.source) && bytes.IndexByte([]byte(" \t\r\n,:"), r.source[start]) >= 0 {
		start++
	}
	between := r.source[r.offset:start]
	if lines := bytes.Count(between, []byte("\n")); lines > 0 {
		r.at = position{r.at.line + lines, 1}
		between = between[bytes.LastIndexByte(between, '\n')+1:]
	}
	r.at.column += utf8.RuneCount(between)
	r.offset = start
	token, err := r.tokens.Token()
	if err != nil {
		r.found.add(r.at, Syntax, "", "%v", err)
	}
	return token, r.at
}

func (r *jsonReader) value() value {
	token, at := r.next()
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return r.list(at)
		}
		return r.mapping(at)
	case string:
		checkString(t, at, r.found)
		return value{kind: text, at: at, text: t}
	case json.Number:
		return resolve(t.String(), at, r.found)
	case bool:
		return value{kind: boolean, at: at, text: strconv.FormatBool(t)}
	default:
		return value{at: at}
	}
}

func (r *jsonReader) list(at position) value {
	v := value{kind: list, at: at}
	for r.tokens.More() {
		v.items = append(v.items, r.value())
	}
	r.next() // the closing bracket
	return v
}

func (r *jsonReader) mapping(at position) value {
	v := value{kind: mapping, at: at}
	keys := newKeys(r.found)
	for r.tokens.More() {
		token, at := r.next()
		name, _ := token.(string)
		keys.check(name, at)
		v.fields = append(v.fields, field{name: name, at: at, value: r.value()})
	}
	r.next() // the closing brace
	return v
}
