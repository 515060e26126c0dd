package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"iter"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	// minPart is the length in bytes below which a part of a value, or the
	// value in another case, would be found in too many harmless places.
	minPart = 8
	// minEncoded is the same for base64 and hexadecimal.
	minEncoded = 6
)

// forms returns every form of value that is looked for, without repeats. Each
// has at least MinLength bytes.
func forms(value string, also []func(string) string) iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		every := func(forms ...string) bool {
			for _, form := range forms {
				if len(form) < MinLength || seen[form] {
					continue
				}
				seen[form] = true
				if !yield(form) {
					return false
				}
			}
			return true
		}
		whole := append([]string{value}, parts(value)...)
		for _, text := range whole {
			if !every(encoded(text)...) || !every(textual(text, also)...) {
				return
			}
			for _, line := range lines(text) {
				if !every(textual(line, also)...) {
					return
				}
			}
		}
	}
}

// lines returns the parts of a value with several lines that are long enough.
func lines(value string) []string {
	var found []string
	all := strings.FieldsFunc(value, func(r rune) bool { return r == '\n' || r == '\r' })
	for _, line := range all {
		if line = strings.TrimSpace(line); len(line) >= minPart && line != value {
			found = append(found, line)
		}
	}
	return found
}

// parts returns the secrets inside a value: the password of a URL and the
// telling strings of a JSON document.
func parts(value string) []string {
	var found []string
	if u, err := url.Parse(strings.TrimSpace(value)); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && maskable(password) {
			found = append(found, password)
		}
	}
	if text := strings.TrimSpace(value); strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		var document any
		if json.Unmarshal([]byte(text), &document) == nil {
			found = append(found, telling(document, false)...)
		}
	}
	return found
}

// telling returns the strings below keys that say they hold a secret.
func telling(node any, below bool) []string {
	var found []string
	switch node := node.(type) {
	case map[string]any:
		for key, child := range node {
			found = append(found, telling(child, below || tells(key))...)
		}
	case []any:
		for _, child := range node {
			found = append(found, telling(child, below)...)
		}
	case string:
		if below && len(node) >= minEncoded && maskable(node) {
			found = append(found, node)
		}
	}
	return found
}

func tells(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"key", "secret", "token", "pass", "pwd", "credential"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}

// encoded returns the value in hexadecimal and base64. Where base64 begins one
// or two bytes before the value, the characters that hold bits of those bytes
// too are left out, as are those that hold bits of what follows.
func encoded(value string) []string {
	raw := []byte(value)
	lower := hex.EncodeToString(raw)
	found := []string{lower, strings.ToUpper(lower)}
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		texts := []string{encoding.EncodeToString(raw)}
		for shift := range 3 {
			text := encoding.EncodeToString(append(make([]byte, shift), raw...))
			texts = append(texts, text[(shift*8+5)/6:(shift+len(raw))*8/6])
		}
		for _, text := range texts {
			if len(text) >= minEncoded {
				found = append(found, text)
			}
		}
	}
	return found
}

// textual returns the value as the printers and encoders of text show it.
func textual(value string, also []func(string) string) []string {
	trimmed := strings.TrimSpace(value)
	found := []string{value, strings.ReplaceAll(value, "\n", "\r\n")}
	if len(trimmed) >= MinLength {
		found = append(found, trimmed)
	}
	if len(value) >= minPart {
		found = append(found, strings.ToLower(value), strings.ToUpper(value))
	}
	once := escaped(value)
	found = append(found, once...)
	for _, form := range once {
		found = append(found, escapedAgain(form)...)
	}
	found = append(found, percent(value)...)
	found = append(found, markup(value)...)
	found = append(found, strings.ReplaceAll(value, `'`, `'\''`), strings.ReplaceAll(value, `'`, `'"'"'`))
	for _, form := range also {
		found = append(found, form(value))
	}
	return found
}

// markup returns the value as escapers for XML and HTML write it.
func markup(value string) []string {
	if !strings.ContainsAny(value, `&<>"'`) {
		return nil
	}
	var found []string
	for _, quotes := range [][2]string{{`"`, `'`}, {"&quot;", "'"}, {"&quot;", "&#x27;"}, {"&quot;", "&apos;"}, {"&quot;", "&#39;"}, {"&#34;", "&#39;"}} {
		found = append(found, strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, quotes[0], `'`, quotes[1]).Replace(value))
	}
	return found
}

// percent returns the value as encoders of URLs write it.
func percent(value string) []string {
	if !strings.ContainsFunc(value, func(r rune) bool { return r >= utf8.RuneSelf || !alphanumeric(byte(r)) }) {
		return nil
	}
	var found []string
	for _, safe := range []string{
		"-._~",                 // RFC 3986, Python's quote with safe=""
		"-._~/",                // Python's quote
		"-._~!'()*",            // JavaScript's encodeURIComponent
		"-._~!'()*;/?:@&=+$,#", // JavaScript's encodeURI
		"-._~$&+:=@",           // Go's PathEscape
		"-._~$&+,;=",           // Go's user information
		"-_.*",                 // HTML forms
	} {
		upper := escapeBytes(value, safe, "0123456789ABCDEF", "%20")
		found = append(found, upper, escapeBytes(value, safe, "0123456789abcdef", "%20"))
		if strings.Contains(value, " ") {
			found = append(found, escapeBytes(value, safe, "0123456789ABCDEF", "+"), escapeBytes(value, safe, "0123456789abcdef", "+"))
		}
	}
	// What upstream's own masking knows as URL encoding.
	return append(found, strings.NewReplacer(":", "%3A", "@", "%40", "/", "%2F").Replace(value))
}

func escapeBytes(value, safe, digits, space string) string {
	var out strings.Builder
	for _, c := range []byte(value) {
		switch {
		case c == ' ':
			out.WriteString(space)
		case alphanumeric(c) || strings.IndexByte(safe, c) >= 0:
			out.WriteByte(c)
		default:
			out.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return out.String()
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
