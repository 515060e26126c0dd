package worker

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lockforge/lockforge/executor/lifecycle"
)

// trim makes a result smaller, as often as the server asked for it: each time
// the budget halves, and the last time only the marker stays. The end of a
// report tells most, so the middle goes first; the structured report goes when
// it takes more than half of what is left.
func trim(r Result, budget, shrinks int) Result {
	switch {
	case shrinks <= 0:
		return r
	case shrinks >= lifecycle.MaxShrinks:
		first, _, _ := strings.Cut(r.Report, "\n")
		r.Report, r.Structured = first+"\nThe server did not take the report of this run; it is in the logs of the executor.", nil
		return r
	}
	limit := budget >> shrinks
	if r.Structured != nil {
		if size := encodedSize(r.Structured.Serialized); size <= limit/2 {
			limit -= size
		} else {
			r.Structured = nil
		}
	}
	r.Report = cut(r.Report, limit)
	return r
}

// encodedSize is how many bytes a text takes inside of a JSON string that is
// inside of a JSON string, as in a proposal.
func encodedSize(text string) (size int) {
	for _, r := range text {
		size += runeSize(r)
	}
	return size
}

func runeSize(r rune) int {
	switch {
	case r == '"', r == '\\':
		return 4
	case r == '\n', r == '\t', r == '\r':
		return 3
	case r < ' ':
		return 7
	case r < utf8.RuneSelf:
		return 1
	case r > 0xffff:
		return 14 // a pair of \\uXXXX
	}
	return 7
}

// cut leaves the first line, the begin and the end of a text: limit encoded
// bytes, and a line that says what is missing.
func cut(text string, limit int) string {
	if encodedSize(text) <= limit {
		return text
	}
	head := prefix(text, limit/4)
	tail := suffix(text[head:], limit-limit/4)
	return fmt.Sprintf("%s\n[... %d bytes left out: the server takes no more ...]\n%s", text[:head], tail, text[head+tail:])
}

// prefix is how many bytes from the start of text take at most limit when encoded.
func prefix(text string, limit int) int {
	for i, r := range text {
		if limit -= runeSize(r); limit < 0 {
			return i
		}
	}
	return len(text)
}

// suffix is where the end of text begins that takes at most limit when encoded.
func suffix(text string, limit int) int {
	i := len(text)
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:i])
		if limit -= runeSize(r); limit < 0 {
			break
		}
		i -= size
	}
	return i
}
