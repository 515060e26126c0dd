package gms

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// generic writes a GenericAspect with JSON in it.
func generic(w *bytes.Buffer, value []byte) {
	w.WriteString(`{"value":"`)
	embed(w, value)
	w.WriteString(`","contentType":"application/json"}`)
}

// embed writes valid JSON as the inside of a JSON string. What is not ASCII
// becomes an escape of the inner JSON first: \\u00e9 on the wire.
func embed(w *bytes.Buffer, value []byte) {
	for len(value) > 0 {
		b := value[0]
		if b < utf8.RuneSelf {
			value = value[1:]
			escapeByte(w, b)
			continue
		}
		r, size := utf8.DecodeRune(value)
		value = value[size:]
		escapeRune(w, r, `\\u`)
	}
}

// embeddedSize is how many bytes embed writes.
func embeddedSize(value []byte) int {
	size := 0
	for len(value) > 0 {
		b := value[0]
		if b >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(value)
			value = value[n:]
			size += utf16.RuneLen(r) * len(`\\u0000`)
			continue
		}
		value = value[1:]
		switch {
		case b == '"' || b == '\\' || b == '\n' || b == '\r' || b == '\t':
			size += 2
		case b < ' ' || b == 0x7f:
			size += len(`\u0000`)
		default:
			size++
		}
	}
	return size
}

// quote writes a JSON string.
func quote(w *bytes.Buffer, s string) {
	w.WriteByte('"')
	for _, r := range s {
		if r < utf8.RuneSelf {
			escapeByte(w, byte(r))
			continue
		}
		escapeRune(w, r, `\u`)
	}
	w.WriteByte('"')
}

func escapeByte(w *bytes.Buffer, b byte) {
	switch {
	case b == '"' || b == '\\':
		w.WriteByte('\\')
		w.WriteByte(b)
	case b == '\n':
		w.WriteString(`\n`)
	case b == '\r':
		w.WriteString(`\r`)
	case b == '\t':
		w.WriteString(`\t`)
	case b < ' ' || b == 0x7f:
		escapeUnit(w, uint16(b), `\u`)
	default:
		w.WriteByte(b)
	}
}

func escapeRune(w *bytes.Buffer, r rune, prefix string) {
	if r1, r2 := utf16.EncodeRune(r); r1 != utf8.RuneError {
		escapeUnit(w, uint16(r1), prefix)
		escapeUnit(w, uint16(r2), prefix)
		return
	}
	escapeUnit(w, uint16(r), prefix)
}

func escapeUnit(w *bytes.Buffer, u uint16, prefix string) {
	w.WriteString(prefix)
	for shift := 12; shift >= 0; shift -= 4 {
		w.WriteByte(hexDigits[u>>shift&0xf])
	}
}
