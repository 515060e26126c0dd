package report

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/lockforge/lockforge/executor/mask"
)

// shortText is how many bytes of a string are gathered before it is masked
// piece by piece.
const shortText = 8 << 10

// cutMark stands at the end of a string that was cut.
const cutMark = "[...truncated]"

// text takes the decoded bytes of one string. A short one is masked whole; a
// long one goes through a stream, of which the beginning is kept, so that no
// half of a secret stays at a cut.
type text struct {
	short []byte
	long  *mask.Writer
	kept  capped
}

// capped keeps the first bytes of what is written to it.
type capped struct {
	buf   bytes.Buffer
	limit int
	over  bool
}

func (k *capped) Write(p []byte) (int, error) {
	room := k.limit - k.buf.Len()
	if len(p) > room {
		k.over = true
		k.buf.Write(p[:max(room, 0)])
		return len(p), nil
	}
	k.buf.Write(p)
	return len(p), nil
}

// string copies a string of which the quote was read, masked and cut to limit
// bytes; 0 is the room that there is.
func (c *copier) string(limit int) error {
	if limit == 0 {
		limit = c.limit
	}
	t := &c.text
	t.short, t.long = t.short[:0], nil
	t.kept.buf.Reset()
	t.kept.limit, t.kept.over = limit, false
	for {
		c.add(c.in.plain()...)
		b, err := c.in.byte()
		if err != nil {
			return err
		}
		switch {
		case b == '"':
			return c.endString()
		case b == '\\':
			err = c.escape()
		case b < ' ':
			err = c.malformed("a control character is in a string")
		default:
			c.add(b)
		}
		if err != nil {
			return err
		}
	}
}

// add takes decoded bytes of the string.
func (c *copier) add(p ...byte) {
	if c.skip > 0 {
		return
	}
	t := &c.text
	if t.short = append(t.short, p...); len(t.short) < shortText {
		return
	}
	if t.kept.over { // the rest is not needed
		t.short = t.short[:0]
		return
	}
	if t.long == nil {
		t.long = c.mask.Writer(&t.kept)
	}
	_, _ = t.long.Write(t.short) // capped takes every write
	t.short = t.short[:0]
}

func (c *copier) endString() error {
	if c.skip > 0 {
		return nil
	}
	t := &c.text
	if t.long != nil {
		_, _ = t.long.Write(t.short)
		_ = t.long.Close()
	} else {
		_, _ = t.kept.Write(c.mask.Bytes(t.short))
	}
	masked := t.kept.buf.Bytes()
	if t.kept.over {
		c.left.Strings++
		masked = append(wholeRunes(masked), cutMark...)
	}
	return c.write(appendString(nil, masked)...)
}

// escape reads an escape sequence after its backslash.
func (c *copier) escape() error {
	b, err := c.in.byte()
	if err != nil {
		return err
	}
	if b == 'u' {
		return c.unicode()
	}
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	i := strings.IndexByte(from, b)
	if i < 0 {
		return c.malformed("an escape sequence is wrong")
	}
	c.add(to[i])
	return nil
}

// unicode reads the digits after \u, and those of a second half. A half alone
// becomes U+FFFD.
func (c *copier) unicode() error {
	r, err := c.hex()
	for err == nil && utf16.IsSurrogate(r) {
		var second rune
		if b, peekErr := c.in.peek(); peekErr != nil || b != '\\' {
			r = utf8.RuneError // a broken end is found by whoever reads on
			break
		}
		_, _ = c.in.byte() // it is there
		if b, peekErr := c.in.peek(); peekErr != nil || b != 'u' {
			c.add(replacement...)
			return c.escape()
		}
		_, _ = c.in.byte()
		if second, err = c.hex(); err != nil {
			break
		}
		if whole := utf16.DecodeRune(r, second); whole != utf8.RuneError {
			r = whole
			break
		}
		c.add(replacement...)
		r = second
	}
	if err != nil {
		return err
	}
	c.char = utf8.AppendRune(c.char[:0], r)
	c.add(c.char...)
	return nil
}

// replacement stands for what is no character.
var replacement = []byte(string(utf8.RuneError))

func (c *copier) hex() (rune, error) {
	var r rune
	for range 4 {
		b, err := c.in.byte()
		if err != nil {
			return 0, err
		}
		digit := strings.IndexByte("0123456789abcdef", b|0x20)
		if b < '0' || digit < 0 {
			return 0, c.malformed("an escape sequence is wrong")
		}
		r = r<<4 | rune(digit)
	}
	return r, nil
}

// wholeRunes returns p without a character that is cut at its end.
func wholeRunes(p []byte) []byte {
	for n := len(p) - 1; n >= 0 && n >= len(p)-utf8.UTFMax; n-- {
		if utf8.RuneStart(p[n]) {
			if !utf8.FullRune(p[n:]) {
				return p[:n]
			}
			break
		}
	}
	return p
}

// appendString appends text as a JSON string. What is not UTF-8 becomes U+FFFD.
func appendString(dst, text []byte) []byte {
	dst = append(dst, '"')
	for len(text) > 0 {
		r, width := utf8.DecodeRune(text)
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, '\\', 'n')
		case r < ' ':
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
		text = text[width:]
	}
	return append(dst, '"')
}
