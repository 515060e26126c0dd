package mask

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// escaped returns the value as it stands inside a string literal of JSON,
// Python or Go, without the quotes around it. A literal may hold more than
// the value, so each kind of quote may be escaped or not.
func escaped(value string) []string {
	if asIs(value) {
		return nil
	}
	quoted, _ := json.Marshal(value) // a string always marshals
	safe := string(quoted[1 : len(quoted)-1])
	plain := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\u2028`, "\u2028", `\u2029`, "\u2029").Replace(safe)
	if strings.Contains(value, `\u`) {
		plain = safe // the replacement might hit the value's own text
	}
	found := []string{safe, plain, strings.ReplaceAll(plain, "/", `\/`)}
	goText, goASCII := strconv.Quote(value), strconv.QuoteToASCII(value)
	found = append(found, goText[1:len(goText)-1], goASCII[1:len(goASCII)-1])
	for _, quotes := range []string{"", `'`, `"`} {
		for _, style := range []style{pythonText, pythonASCII, pythonBytes, jsonText, jsonASCII} {
			found = append(found, style.escape(value, quotes))
		}
	}
	return found
}

// escapedAgain returns an escaped form inside one more literal.
func escapedAgain(form string) []string {
	if !strings.ContainsAny(form, `\"'`) {
		return nil
	}
	found := make([]string, 0, 3)
	for _, quotes := range []string{"", `'`, `"`} {
		found = append(found, pythonText.escape(form, quotes))
	}
	return found
}

// asIs reports whether every literal shows the value unchanged.
func asIs(value string) bool {
	for _, c := range []byte(value) {
		if c < ' ' || c > '~' || strings.IndexByte(`\"'/<>&`, c) >= 0 {
			return false
		}
	}
	return true
}

// style is a way of escaping characters.
type style int

const (
	pythonText  style = iota // repr(str): printable characters stay
	pythonASCII              // ascii(str)
	pythonBytes              // repr(bytes) of the UTF-8 form
	jsonText                 // JSON as Python writes it with ensure_ascii=False
	jsonASCII                // JSON as Python writes it
)

// escape returns value in this style; the characters in quotes get a backslash.
func (s style) escape(value, quotes string) string {
	var out strings.Builder
	for len(value) > 0 {
		r, width := utf8.DecodeRuneInString(value)
		raw := value[:width]
		value = value[width:]
		switch {
		case r == '\\' || r < utf8.RuneSelf && strings.ContainsRune(quotes, r):
			out.WriteByte('\\')
			out.WriteRune(r)
		case r == '\n':
			out.WriteString(`\n`)
		case r == '\r':
			out.WriteString(`\r`)
		case r == '\t':
			out.WriteString(`\t`)
		case s >= jsonText && r == '\b':
			out.WriteString(`\b`)
		case s >= jsonText && r == '\f':
			out.WriteString(`\f`)
		case r >= ' ' && r <= '~', s == jsonText && r >= ' ', s == pythonText && r > '~' && unicode.IsPrint(r):
			out.WriteRune(r)
		case s == pythonBytes:
			for _, c := range []byte(raw) {
				fmt.Fprintf(&out, `\x%02x`, c)
			}
		case s >= jsonText && r > 0xffff:
			r -= 0x10000
			fmt.Fprintf(&out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case s >= jsonText || r > 0xff && r <= 0xffff:
			fmt.Fprintf(&out, `\u%04x`, r)
		case r > 0xffff:
			fmt.Fprintf(&out, `\U%08x`, r)
		default:
			fmt.Fprintf(&out, `\x%02x`, r)
		}
	}
	return out.String()
}
