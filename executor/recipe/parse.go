package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Limits of a recipe.
const (
	MaxBytes = 10 << 20 // of the text
	MaxDepth = 100      // of nested mappings and lists
	// MaxMarks bounds line ends, commas, opening brackets and block entries,
	// and with them the number of values, before anything is built of them.
	MaxMarks = 1 << 16
	// MaxKey bounds a key's canonical spelling, in bytes: the CLI's loader
	// recognises no key above 1024 characters.
	MaxKey = 1000
)

// Recipe is a recipe whose meaning is settled. It is never changed.
type Recipe struct {
	root      value
	canonical []byte
}

// Parse reads one recipe in YAML or JSON. Every problem it can find in one go
// is in the error it returns, each as an *Error with its place.
//
// A scalar has the type that the CLI's loader (PyYAML, YAML 1.1) gives it. It
// is refused where JSON, YAML 1.2 or plain reading give it another one and the
// author most likely meant that: dates, base 60, a leading zero, exponents
// without a point.
func Parse(r io.Reader) (*Recipe, error) {
	source, err := readAll(r, MaxBytes)
	if err != nil {
		return nil, err
	}
	var found problems
	if checkText(source, &found); len(found) > 0 {
		return nil, found.err()
	}
	root := read(source, &found)
	if len(found) == 0 && root.kind != mapping {
		found.add(position{1, 1}, Structure, "", "a recipe is a mapping with the key source")
	}
	if len(found) > 0 {
		return nil, found.err()
	}
	return &Recipe{root: root, canonical: encode(root)}, nil
}

func read(source []byte, found *problems) value {
	if json.Valid(source) {
		return readJSON(source, found)
	}
	return readYAML(source, found)
}

// Canonical returns the recipe as JSON on one line. To PyYAML it means the
// same as to a JSON reader: numbers and escapes are spelled as both know them.
// Keys keep their order. Parse gives the same recipe for it.
func (r *Recipe) Canonical() []byte { return slices.Clone(r.canonical) }

// checkText looks at the bytes before a parser does.
func checkText(source []byte, found *problems) {
	switch {
	case len(bytes.TrimSpace(source)) == 0:
		found.add(position{}, Structure, "", "the recipe is empty")
	case bytes.HasPrefix(source, []byte("\ufeff")):
		found.add(position{1, 1}, Encoding, "save the file as UTF-8 without it", "a byte order mark")
	case bytes.IndexByte(source, 0) >= 0:
		found.add(place(source, bytes.IndexByte(source, 0)), Encoding, "", "a NUL byte")
	case !utf8.Valid(source):
		found.add(place(source, invalidUTF8(source)), Encoding, "save the file as UTF-8", "bytes that are no UTF-8")
	}
	if n := marks(source); n > MaxMarks {
		found.add(position{}, TooLarge, "", "%d lines and entries, more than %d", n, MaxMarks)
	}
}

func invalidUTF8(source []byte) int {
	for i := 0; i < len(source); {
		r, size := utf8.DecodeRune(source[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return len(source)
}

// marks counts what separates values. A text of n marks holds at most 2n+2
// values: a key and its value for each.
func marks(source []byte) int {
	n := 0
	for i, b := range source {
		switch b {
		case '\n', '\r', ',', '[', '{':
			n++
		case ' ', '\t': // after an indicator: "- - x", "? ? x"
			if i > 0 && (source[i-1] == '-' || source[i-1] == '?') {
				n++
			}
		}
	}
	return n
}

// place turns an offset into line and column.
func place(source []byte, offset int) position {
	before := source[:offset]
	start := bytes.LastIndexByte(before, '\n') + 1
	return position{bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[start:]) + 1}
}

// short quotes a name or value for a message.
func short(s string) string {
	const most = 60
	if len(s) > most {
		s = s[:most] + "..."
	}
	return fmt.Sprintf("%q", s)
}
