package kafka

import (
	"errors"
	"strings"
)

// parseJAAS reads the options of the one entry of a sasl.jaas.config:
//
//	org.example.PlainLoginModule required username="x" password="y";
//
// The module itself says nothing: sasl.mechanism does.
func parseJAAS(text string) (map[string]string, error) {
	_, text = word(text)
	flag, rest := word(text)
	flag = strings.ToLower(strings.TrimSuffix(flag, ";"))
	if flag != "required" && flag != "requisite" && flag != "sufficient" && flag != "optional" {
		return nil, errors.New(`it is not of the form: module required username="…" password="…";`)
	}
	options := map[string]string{}
	for {
		rest = strings.TrimSpace(rest)
		if rest == "" || rest == ";" {
			return options, nil
		}
		name, value, ok := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \"';") {
			return nil, errors.New("an option is not of the form name=\"value\"")
		}
		if value, rest, ok = jaasValue(strings.TrimLeft(value, " ")); !ok {
			return nil, errors.New("a value has no closing quote")
		}
		options[name] = value
	}
}

// word takes a word, and returns what follows it.
func word(text string) (word, rest string) {
	text = strings.TrimSpace(text)
	if end := strings.IndexAny(text, " \t\r\n"); end >= 0 {
		return text[:end], text[end:]
	}
	return text, ""
}

// jaasValue takes a value, quoted or up to the next space or semicolon.
func jaasValue(text string) (value, rest string, ok bool) {
	if text == "" || text[0] != '"' && text[0] != '\'' {
		end := strings.IndexAny(text, " \t\r\n;")
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], true
	}
	var out strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == text[0]:
			return out.String(), text[i+1:], true
		case c == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		default:
			out.WriteByte(c)
		}
	}
	return "", "", false
}
