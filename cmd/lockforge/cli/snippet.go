package cli

import (
	"bytes"
	"regexp"
	"strings"
	"unicode"
)

// words are what addresses can be in a line of YAML or of variables. A
// manifest with mistakes may have them anywhere and in any form.
var words = regexp.MustCompile(`[^\s"'{}\[\],]+`)

// presentable is a line of the user's file as it may appear in a message: what
// could be a secret is hidden and what could move the cursor is blank. Every
// character keeps its column.
func presentable(line string) string {
	text := []byte(line)
	for _, at := range words.FindAllIndex(text, -1) {
		hideSecrets(text[at[0]:at[1]])
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) {
			return ' '
		}
		return r
	}, string(text))
}

// hideSecrets blots out the user part and the query of what may be an address.
func hideSecrets(word []byte) {
	start := 0
	slashes := bytes.Index(word, []byte("//"))
	if slashes >= 0 {
		start = slashes + 2
	}
	if end := bytes.LastIndexByte(word, '@'); end > start && (slashes >= 0 || bytes.IndexByte(word[:end], ':') >= 0) {
		blot(word[start:end])
	}
	if query := bytes.IndexByte(word, '?'); slashes >= 0 && query > slashes {
		blot(word[query+1:])
	}
}

func blot(secret []byte) {
	for i := range secret {
		secret[i] = '*'
	}
}
