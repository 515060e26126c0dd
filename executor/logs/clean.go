package logs

import (
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf8"
)

// chunk is how many bytes a stage gathers before it passes them on.
const chunk = 32 << 10

// Bounds of a control sequence, in bytes; one that is longer, or that a
// newline interrupts, is over. A hyperlink needs the larger one.
const (
	maxControl = 64
	maxString  = 4096
)

// Cleaner makes a stream harmless for a terminal, a log and JSON:
//
//   - ANSI control sequences are removed;
//   - "\r\n" and a single "\r" become "\n";
//   - what is not UTF-8, control characters other than tab and newline, and the
//     characters that separate lines or turn the direction of text become U+FFFD.
//
// It writes at once what it can tell of what it got, and keeps at most an
// incomplete character. It is not safe for concurrent use.
type Cleaner struct {
	out   io.Writer
	err   error
	ready []byte

	state     state
	length    int  // of the control sequence so far
	afterCR   bool // a newline now belongs to the "\r" before
	partial   [utf8.UTFMax]byte
	partially int // bytes in partial
}

type state byte

const (
	ground      state = iota
	escape            // after ESC
	sequence          // ESC [ ... up to a byte from @ to ~
	inString          // ESC ] ... up to BEL or ESC \
	stringEnd         // ESC inside of a string
	designation       // ESC ( B and the like
)

// NewCleaner returns a Cleaner that writes to w.
func NewCleaner(w io.Writer) *Cleaner {
	return &Cleaner{out: w}
}

// Clean returns text as a Cleaner writes it.
func Clean(text string) string {
	var out strings.Builder
	c := NewCleaner(&out)
	// A strings.Builder takes every write.
	_, _ = c.Write([]byte(text))
	_ = c.Close()
	return out.String()
}

// Write fails with the first error of the underlying writer, and from then on.
func (c *Cleaner) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 && c.err == nil {
		if c.partially > 0 {
			p = c.complete(p)
			continue
		}
		if c.state != ground {
			p = c.control(p)
			continue
		}
		if n := plainLength(p[:min(len(p), chunk)]); n > 0 {
			c.afterCR = false
			c.emit(p[:n])
			p = p[n:]
			continue
		}
		p = c.special(p)
	}
	c.flush()
	if c.err != nil {
		return 0, c.err
	}
	return total, nil
}

// Close writes an incomplete character as U+FFFD. It does not close the
// underlying writer.
func (c *Cleaner) Close() error {
	for range c.partially {
		c.replace()
	}
	c.partially = 0
	c.flush()
	return c.err
}

// plainLength returns how many bytes at the beginning of p pass unchanged.
func plainLength(p []byte) int {
	const (
		each = 0x0101010101010101
		high = 0x80 * each
	)
	n := 0
	for ; n+8 <= len(p); n += 8 {
		eight := binary.LittleEndian.Uint64(p[n:])
		// A high bit stays where a byte is below ' ', is DEL, or is not ASCII.
		control := (eight - ' '*each) &^ eight
		del := (eight ^ 0x7f*each) - each
		if (control|del|eight)&high != 0 {
			break
		}
	}
	for n < len(p) && (p[n] >= ' ' && p[n] <= '~' || p[n] == '\t') {
		n++
	}
	return n
}

// special handles the first byte or character of p, which is not plain, and
// returns the rest.
func (c *Cleaner) special(p []byte) []byte {
	afterCR := c.afterCR
	c.afterCR = false
	switch {
	case p[0] == '\n':
		if !afterCR {
			c.emit(p[:1])
		}
	case p[0] == '\r':
		c.afterCR = true
		c.emit([]byte{'\n'})
	case p[0] == 0x1b:
		c.state, c.length = escape, 0
	case p[0] < utf8.RuneSelf:
		c.replace()
	case !utf8.FullRune(p):
		c.partially = copy(c.partial[:], p)
		return nil
	default:
		r, width := utf8.DecodeRune(p)
		if r == utf8.RuneError || harmful(r) {
			c.replace()
		} else {
			c.emit(p[:width])
		}
		return p[width:]
	}
	return p[1:]
}

// complete adds bytes of p to the incomplete character and returns the rest.
func (c *Cleaner) complete(p []byte) []byte {
	c.partial[c.partially] = p[0]
	c.partially++
	whole := c.partial
	text := whole[:c.partially]
	if !utf8.FullRune(text) {
		return p[1:]
	}
	c.partially = 0
	if _, width := utf8.DecodeRune(text); width == len(text) {
		c.special(text)
		return p[1:]
	}
	// The last byte does not belong to the others, which are a broken
	// character, and is looked at again.
	for range len(text) - 1 {
		c.replace()
	}
	return p
}

// harmful has the C1 controls, the separators of lines and paragraphs, and the
// marks that turn the direction of text.
func harmful(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f
}

// control handles one byte of a control sequence and returns the rest.
func (c *Cleaner) control(p []byte) []byte {
	b := p[0]
	c.length++
	limit := maxControl
	if c.state == inString || c.state == stringEnd {
		limit = maxString
	}
	if b == '\n' || b == '\r' || c.length > limit {
		c.state = ground
		return p
	}
	switch c.state {
	case escape:
		switch {
		case b == '[':
			c.state = sequence
		case b == ']' || b == 'P' || b == 'X' || b == '^' || b == '_':
			c.state = inString
		case b >= ' ' && b <= '/':
			c.state = designation
		case b >= '0' && b <= '~':
			c.state = ground
		default:
			c.state = ground
			return p
		}
	case sequence:
		switch {
		case b >= '@' && b <= '~':
			c.state = ground
		case b < ' ' || b > '~':
			c.state = ground
			return p
		}
	case inString:
		switch b {
		case 0x07:
			c.state = ground
		case 0x1b:
			c.state = stringEnd
		}
	case stringEnd:
		c.state = ground
		if b != '\\' { // ESC begins another sequence
			c.state, c.length = escape, 0
			return p
		}
	case designation:
		if b < ' ' || b > '/' {
			c.state = ground
		}
		if b < ' ' || b > '~' {
			return p
		}
	}
	return p[1:]
}

func (c *Cleaner) replace() { c.emit([]byte("\ufffd")) }

func (c *Cleaner) emit(text []byte) {
	c.ready = append(c.ready, text...)
	if len(c.ready) >= chunk {
		c.flush()
	}
}

func (c *Cleaner) flush() {
	if c.err == nil && len(c.ready) > 0 {
		_, c.err = c.out.Write(c.ready)
	}
	c.ready = c.ready[:0]
}
