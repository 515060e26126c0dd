package index

import (
	"errors"
	"fmt"
	"strings"
)

// machine is one entry of a netrc file; name is "" for "default".
type machine struct {
	name  string
	login login
}

// errNetrc is matched by every error about the form of a netrc file.
var errNetrc = errors.New("malformed netrc")

// parseNetrc reads a netrc file as curl and Python's netrc module do: entries
// in any layout over lines, "#" comments, double-quoted values with "\" before
// a quote or backslash, macro definitions skipped. Errors give the line and
// never the content.
func parseNetrc(text string) ([]machine, error) {
	lex := &netrcLexer{text: text, line: 1}
	var entries []machine
	for {
		word, ok := lex.next()
		if !ok {
			return entries, lex.err
		}
		switch word {
		case "machine":
			name, ok := lex.next()
			if !ok {
				return nil, lex.fail("machine without a name")
			}
			entries = append(entries, machine{name: strings.ToLower(name)})
		case "default":
			entries = append(entries, machine{})
		case "macdef":
			lex.skipMacro()
		case "login", "user", "password", "account":
			value, ok := lex.next()
			if !ok || len(entries) == 0 {
				return nil, lex.fail(word + " without a machine or a value")
			}
			entries[len(entries)-1].set(word, value)
		default:
			return nil, lex.fail("unknown keyword")
		}
	}
}

func (m *machine) set(key, value string) {
	switch key {
	case "login", "user":
		m.login.user = value
	case "password":
		m.login.password = value
	}
}

// netrcLexer gives the words of a netrc file one by one.
type netrcLexer struct {
	text string
	at   int
	line int
	err  error
}

func (l *netrcLexer) fail(what string) error {
	if l.err == nil {
		l.err = fmt.Errorf("line %d: %s: %w", l.line, what, errNetrc)
	}
	return l.err
}

// next returns the next word; a word in double quotes may be empty.
func (l *netrcLexer) next() (string, bool) {
	l.skipSpace()
	if l.err != nil || l.at >= len(l.text) {
		return "", false
	}
	if l.text[l.at] == '"' {
		return l.quoted()
	}
	var b strings.Builder
	for l.at < len(l.text) && !isSpace(l.text[l.at]) {
		if l.text[l.at] == '\\' && l.at+1 < len(l.text) && !isSpace(l.text[l.at+1]) {
			l.at++
		}
		b.WriteByte(l.text[l.at])
		l.at++
	}
	return b.String(), true
}

func (l *netrcLexer) quoted() (string, bool) {
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		switch c := l.text[l.at]; {
		case c == '"':
			l.at++
			return b.String(), true
		case c == '\n':
			l.fail("quoted value without its end")
			return "", false
		case c == '\\' && l.at+1 < len(l.text) && l.text[l.at+1] != '\n':
			l.at++
			b.WriteByte(l.text[l.at])
		default:
			b.WriteByte(c)
		}
	}
	l.fail("quoted value without its end")
	return "", false
}

// skipSpace moves to the next word, over comments: a "#" where a word would
// begin. Inside a word it is an ordinary character, as passwords have it.
func (l *netrcLexer) skipSpace() {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; {
		case c == '#' && l.commentHere():
			for l.at < len(l.text) && l.text[l.at] != '\n' {
				l.at++
			}
		case isSpace(c):
			if c == '\n' {
				l.line++
			}
			l.at++
		default:
			return
		}
	}
}

// commentHere tells a comment from a password that begins with "#": the word
// before a value is one of the keywords that take one.
func (l *netrcLexer) commentHere() bool {
	fields := strings.Fields(l.text[strings.LastIndexByte(l.text[:l.at], '\n')+1 : l.at])
	if len(fields) == 0 {
		return true
	}
	switch fields[len(fields)-1] {
	case "login", "user", "password", "account":
		return false
	}
	return true
}

// skipMacro passes a macro definition, which ends at an empty line.
func (l *netrcLexer) skipMacro() {
	for l.at < len(l.text) {
		end := strings.IndexByte(l.text[l.at:], '\n')
		if end < 0 {
			l.at = len(l.text)
			return
		}
		empty := strings.TrimSpace(l.text[l.at:l.at+end]) == ""
		l.at += end + 1
		l.line++
		if empty {
			return
		}
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
