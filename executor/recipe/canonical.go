package recipe

import (
	"strconv"
	"unicode/utf8"
)

// encode writes a value in its canonical form.
func encode(v value) []byte { return appendValue(nil, v) }

func appendValue(out []byte, v value) []byte {
	switch v.kind {
	case boolean, number:
		return append(out, v.text...)
	case text:
		return quote(out, v.text)
	case list:
		out = append(out, '[')
		for i, item := range v.items {
			out = separate(out, i)
			out = appendValue(out, item)
		}
		return append(out, ']')
	case mapping:
		out = append(out, '{')
		for i, f := range v.fields {
			out = separate(out, i)
			out = append(quote(out, f.name), ": "...)
			out = appendValue(out, f.value)
		}
		return append(out, '}')
	default:
		return append(out, "null"...)
	}
}

func separate(out []byte, i int) []byte {
	if i == 0 {
		return out
	}
	return append(out, ", "...)
}

// quote appends s as a string that JSON and YAML 1.1 read alike. Characters
// that YAML does not allow or takes for line breaks are escaped. Those above
// U+FFFF are not: JSON would need a pair of escapes, which YAML does not know.
func quote(out []byte, s string) []byte {
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '\n':
			out = append(out, `\n`...)
		case r == '\t':
			out = append(out, `\t`...)
		case r == '\r':
			out = append(out, `\r`...)
		case r < ' ', r >= 0x7f && r <= 0xa0, r == '\u2028', r == '\u2029', r == '\ufeff', r == '\ufffe', r == '\uffff':
			out = append(out, `\u`...)
			for shift := 12; shift >= 0; shift -= 4 {
				out = strconv.AppendInt(out, int64(r>>shift&0xf), 16)
			}
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}
