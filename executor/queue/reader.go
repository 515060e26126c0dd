package queue

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds the nesting of an aspect. What is nested deeper in a request
// (recipes) is text inside a string.
const maxDepth = 32

// maxValues bounds the members and items of an aspect, at all depths, so that
// reading one takes no longer than a look at its bytes.
const maxValues = 10_000

// maxProblems bounds how many problems of one aspect are reported.
const maxProblems = 10

// reader reads one JSON text in one pass, without a tree. It is stricter than
// encoding/json, which takes the last of two equal keys, takes "TASK" for
// "task" and replaces what is no text. Problems of meaning are collected and
// reading goes on, so that the pool is known even then; an error of syntax
// ends it.
type reader struct {
	text     []byte
	at       int
	depth    int
	values   int
	problems []error
}

// errSyntax ends reading; the problem is noted already.
var errSyntax = errors.New("no JSON")

func (r *reader) problem(format string, args ...any) {
	if len(r.problems) < maxProblems {
		r.problems = append(r.problems, fmt.Errorf(format, args...))
	}
}

func (r *reader) syntax(what string) error {
	r.problem("%s at byte %d", what, r.at)
	return errSyntax
}

// err joins the problems under ErrMalformed.
func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrMalformed, errors.Join(r.problems...))
}

// fields says who reads the value of a key. Other keys are skipped.
type fields map[string]func(path string) error

// document reads a text that is one object.
func (r *reader) document(f fields) {
	if !utf8.Valid(r.text) {
		r.problem("no UTF-8")
		return
	}
	if r.space() != '{' {
		r.problem("no JSON object")
		return
	}
	if r.object("", func(key, path string) error {
		if read, ok := f[key]; ok {
			return read(path)
		}
		return r.skip()
	}) != nil {
		return
	}
	if r.space(); r.at < len(r.text) {
		r.problem("more text after the object, at byte %d", r.at)
	}
}

// object reads an object whose brace is next; each value that is not null is
// left to read.
func (r *reader) object(path string, read func(key, path string) error) error {
	if path != "" {
		path += "."
	}
	seen := map[string]bool{}
	return r.list('}', func() error {
		if r.space() != '"' {
			return r.syntax("no key")
		}
		key, err := r.string()
		if err != nil {
			return err
		}
		if seen[key] {
			r.problem("%s%.80s is given twice", path, strconv.Quote(key))
		}
		seen[key] = true
		if r.space() != ':' {
			return r.syntax("no colon")
		}
		r.at++
		if r.space() == 'n' {
			return r.word()
		}
		return read(key, path+key)
	})
}

// list reads what stands between the bracket that is next and its end.
func (r *reader) list(end byte, item func() error) error {
	r.at++
	if r.depth++; r.depth > maxDepth {
		return r.syntax(fmt.Sprintf("nesting deeper than %d", maxDepth))
	}
	defer func() { r.depth-- }()
	if r.space() == end {
		r.at++
		return nil
	}
	for {
		if r.values++; r.values > maxValues {
			return r.syntax(fmt.Sprintf("more than %d values", maxValues))
		}
		if err := item(); err != nil {
			return err
		}
		switch r.space() {
		case ',':
			r.at++
		case end:
			r.at++
			return nil
		default:
			return r.syntax("no comma and no end")
		}
	}
}

// skip reads any value.
func (r *reader) skip() error {
	switch c := r.space(); {
	case c == '{':
		return r.list('}', func() error {
			if r.space() != '"' {
				return r.syntax("no key")
			}
			if err := r.skipString(); err != nil {
				return err
			}
			if r.space() != ':' {
				return r.syntax("no colon")
			}
			r.at++
			return r.skip()
		})
	case c == '[':
		return r.list(']', r.skip)
	case c == '"':
		return r.skipString()
	case c == '-' || c >= '0' && c <= '9':
		_, err := r.number()
		return err
	default:
		return r.word()
	}
}

// space skips white space and returns the next byte, 0 at the end.
func (r *reader) space() byte {
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// word reads true, false or null.
func (r *reader) word() error {
	for _, word := range []string{"true", "false", "null"} {
		if end := r.at + len(word); end <= len(r.text) && string(r.text[r.at:end]) == word {
			r.at = end
			return nil
		}
	}
	return r.syntax("no value")
}

// number reads a number and returns its text.
func (r *reader) number() (string, error) {
	start := r.at
	for ; r.at < len(r.text); r.at++ {
		switch c := r.text[r.at]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			continue
		}
		break
	}
	text := string(r.text[start:min(r.at, start+maxNumber+1)])
	if !validNumber(text) {
		r.at = start
		return "", r.syntax("no number")
	}
	return text, nil
}

// skipString reads a string without making one.
func (r *reader) skipString() error {
	for i := r.at + 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case c == '"':
			r.at = i + 1
			return nil
		case c == '\\':
			i++
		case c < ' ':
			r.at = i
			return r.syntax("a control character in a string")
		}
	}
	return r.syntax("a string without end")
}

// string reads a string.
func (r *reader) string() (string, error) {
	start := r.at + 1
	if err := r.skipString(); err != nil {
		return "", err
	}
	raw := r.text[start : r.at-1]
	for i, c := range raw {
		if c == '\\' {
			return r.unescape(raw, i)
		}
	}
	return string(raw), nil
}

// unescape resolves the escapes of a string's text, the first of them at i.
func (r *reader) unescape(raw []byte, i int) (string, error) {
	out := append(make([]byte, 0, len(raw)), raw[:i]...)
	for ; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		i++ // a character follows: the quote that ends the string is not escaped
		switch c := raw[i]; c {
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			char, ok := hex4(raw[i+1:])
			i += 4
			if utf16.IsSurrogate(char) && i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
				second, _ := hex4(raw[i+3:])
				char = utf16.DecodeRune(char, second)
				ok = ok && char != utf8.RuneError
				i += 6
			}
			if !ok || utf16.IsSurrogate(char) {
				return "", r.syntax("a \\u escape that is no character, in the string that ends")
			}
			out = utf8.AppendRune(out, char)
		default:
			return "", r.syntax("an unknown escape, in the string that ends")
		}
	}
	return string(out), nil
}

// hex4 reads four hexadecimal digits.
func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[:4]), 16, 16)
	return rune(n), err == nil
}
