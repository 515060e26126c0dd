package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxStatement bounds a statement, in bytes.
const maxStatement = 64 << 10

// forbidden are words that a SELECT can do more with than read: data that is
// changed in a common table expression, tables and files that are made, rows
// that are locked, procedures.
var forbidden = []string{
	"alter", "begin", "call", "commit", "copy", "create", "delete", "do", "drop", "dumpfile", "exec", "execute",
	"grant", "insert", "into", "load", "lock", "merge", "outfile", "procedure", "revoke", "share", "truncate",
	"unload", "update", "upsert", "vacuum",
}

// CheckStatement accepts one statement that begins with SELECT or WITH and has
// none of the words that could make it more than a question. It knows no
// dialect: what dialects disagree about (comments, backslashes, dollar quotes)
// is refused, so that no server reads another statement than it did. It is the
// first of several guards; the helper's session is read-only where the
// database has that.
func CheckStatement(statement string) error {
	if len(statement) > maxStatement {
		return fmt.Errorf("more than %d bytes", maxStatement)
	}
	words, err := scan(strings.TrimSuffix(strings.TrimSpace(statement), ";"))
	if err != nil {
		return err
	}
	if len(words) == 0 || words[0] != "select" && words[0] != "with" {
		return errors.New("want a SELECT, or one after WITH")
	}
	for _, word := range words {
		if slices.Contains(forbidden, word) {
			return fmt.Errorf("the word %s is not allowed; put a name that is one into quotes", strings.ToUpper(word))
		}
	}
	return nil
}

// scan returns the words outside of quotes, in lower case.
func scan(s string) ([]string, error) {
	var words []string
	for i := 0; i < len(s); {
		b := s[i]
		switch {
		case b == '\'' || b == '"' || b == '`':
			end := quoted(s[i:], b)
			if end < 0 {
				return nil, fmt.Errorf("the quote %c is not closed", b)
			}
			if strings.ContainsAny(s[i:i+end], "\\\x00") {
				return nil, errors.New("a backslash in quotes means different things to different databases")
			}
			i += end
		case word(b):
			start := i
			for i < len(s) && word(s[i]) {
				i++
			}
			words = append(words, strings.ToLower(s[start:i]))
		case b == ';':
			return nil, errors.New("more than one statement")
		case strings.HasPrefix(s[i:], "--"), strings.HasPrefix(s[i:], "/*"), b == '#':
			return nil, errors.New("comments are not allowed")
		case b == '\\', b == '$', b == 0, b == '@':
			return nil, fmt.Errorf("the character %q is not allowed outside of quotes", b)
		default:
			i++
		}
	}
	return words, nil
}

// quoted returns the length of the quoted text at the beginning of s, or -1. A
// doubled quote is part of the text.
func quoted(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] != quote {
			continue
		}
		if i+1 < len(s) && s[i+1] == quote {
			i++
			continue
		}
		return i + 1
	}
	return -1
}

func word(b byte) bool {
	return b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
