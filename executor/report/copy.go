package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/lockforge/lockforge/executor/mask"
)

const (
	// maxDepth bounds the nesting of a document. The CLI's has about ten.
	maxDepth = 200
	// maxNumber bounds the characters of a number: Python reads no longer ones.
	maxNumber = 4300
)

// errFull is what does not fit into the limit.
var errFull = errors.New("no room for the document")

// copier copies a document token by token. It holds no more of the input than a
// short string.
type copier struct {
	in     *input
	out    bytes.Buffer
	limit  int
	mask   *mask.Masker
	level  level
	depth  int
	skip   int // inside of how many left-out values it is: nothing is written
	left   LeftOut
	text   text
	digits []byte // of the current number
	char   []byte // the current character
}

func copyDocument(in io.Reader, m *mask.Masker, l level, limit int) (Document, error) {
	c := &copier{in: newInput(in), mask: m, level: l, limit: limit}
	b, err := c.next()
	if err == nil {
		err = c.value(b)
	}
	if err != nil {
		return Document{}, err
	}
	if _, err := c.next(); !errors.Is(err, errEnd) {
		return Document{}, c.malformed("something follows it")
	}
	return Document{JSON: c.out.Bytes(), Size: c.in.read(), Left: c.left}, nil
}

func (c *copier) malformed(what string) error {
	return fmt.Errorf("%w: %s, before byte %d", ErrMalformed, what, c.in.read())
}

// next reads the first byte that is no white space.
func (c *copier) next() (byte, error) {
	for {
		b, err := c.in.byte()
		if err != nil || b != ' ' && b != '\n' && b != '\t' && b != '\r' {
			return b, err
		}
	}
}

// write adds to the output.
func (c *copier) write(p ...byte) error {
	if c.skip > 0 {
		return nil
	}
	if c.out.Len()+len(p) > c.limit {
		return errFull
	}
	c.out.Write(p)
	return nil
}

// value copies the value that begins with b.
func (c *copier) value(b byte) error {
	switch {
	case b == '{' || b == '[':
		if c.depth++; c.depth > maxDepth {
			return c.malformed("nested too deep")
		}
		defer func() { c.depth-- }()
		if b == '{' {
			return c.object()
		}
		return c.list()
	case b == '"':
		return c.string(c.level.text)
	case b == '-' || b >= '0' && b <= '9':
		return c.number(b)
	default:
		return c.word(b)
	}
}

func (c *copier) list() error {
	if err := c.write('['); err != nil {
		return err
	}
	count, skipped := 0, int64(0)
	for {
		b, err := c.element(']', count)
		if err != nil {
			return err
		}
		if b == ']' {
			break
		}
		if c.level.items > 0 && count >= c.level.items {
			skipped++
			err = c.skipping(func() error { return c.value(b) })
		} else {
			err = c.separated(count, func() error { return c.value(b) })
		}
		if err != nil {
			return err
		}
		count++
	}
	if skipped > 0 && c.skip == 0 {
		c.left.Items += skipped
		// As upstream marks the lists that it samples.
		if err := c.write(fmt.Appendf(nil, `,"... %d more left out"`, skipped)...); err != nil {
			return err
		}
	}
	return c.write(']')
}

func (c *copier) object() error {
	if err := c.write('{'); err != nil {
		return err
	}
	for count := 0; ; count++ {
		b, err := c.element('}', count)
		if err != nil {
			return err
		}
		if b == '}' {
			return c.write('}')
		}
		if b != '"' {
			return c.malformed("a key is missing")
		}
		if c.level.members > 0 && count >= c.level.members {
			if c.skip == 0 {
				c.left.Members++
			}
			err = c.skipping(c.member)
		} else {
			err = c.separated(count, c.member)
		}
		if err != nil {
			return err
		}
	}
}

// element reads up to the first byte of an element, or the closing bracket.
func (c *copier) element(end byte, count int) (byte, error) {
	b, err := c.next()
	if err != nil || b == end {
		return b, err
	}
	if count == 0 {
		return b, nil
	}
	if b != ',' {
		return 0, c.malformed("a comma is missing")
	}
	if b, err = c.next(); err == nil && (b == end || b == ',') {
		err = c.malformed("nothing follows a comma")
	}
	return b, err
}

// member copies a key, of which the quote was read, and its value.
func (c *copier) member() error {
	if err := c.string(c.level.text); err != nil {
		return err
	}
	b, err := c.next()
	if err != nil {
		return err
	}
	if b != ':' {
		return c.malformed("a colon is missing")
	}
	if err := c.write(':'); err != nil {
		return err
	}
	if b, err = c.next(); err != nil {
		return err
	}
	return c.value(b)
}

func (c *copier) separated(count int, copy func() error) error {
	if count > 0 {
		if err := c.write(','); err != nil {
			return err
		}
	}
	return copy()
}

func (c *copier) skipping(copy func() error) error {
	c.skip++
	defer func() { c.skip-- }()
	return copy()
}

// number copies a number; one with a secret in it becomes a string.
func (c *copier) number(b byte) error {
	number := append(c.digits[:0], b)
	for {
		b, err := c.in.peek()
		if err != nil && !errors.Is(err, errEnd) {
			return err
		}
		if err != nil || b != '-' && b != '+' && b != '.' && b != 'e' && b != 'E' && (b < '0' || b > '9') {
			break
		}
		_, _ = c.in.byte() // it is there
		if number = append(number, b); len(number) > maxNumber {
			return c.malformed("a number is too long")
		}
	}
	c.digits = number
	if string(number) == "-" { // Python's -Infinity
		b, err := c.in.byte()
		if err == nil && b != 'I' {
			err = c.malformed("a number is wrong")
		}
		if err != nil {
			return err
		}
		return c.word(b)
	}
	if !json.Valid(number) {
		return c.malformed("a number is wrong")
	}
	if c.skip > 0 {
		return nil
	}
	if masked := c.mask.Bytes(number); !bytes.Equal(masked, number) {
		return c.write(appendString(nil, masked)...)
	}
	return c.write(number...)
}

// literals are what may stand unquoted. Python writes the last two, which JSON
// does not have.
var literals = map[byte][2]string{
	't': {"true", "true"}, 'f': {"false", "false"}, 'n': {"null", "null"},
	'N': {"NaN", "null"}, 'I': {"Infinity", "null"},
}

func (c *copier) word(b byte) error {
	word, ok := literals[b]
	if !ok {
		return c.malformed("a value is missing")
	}
	for i := 1; i < len(word[0]); i++ {
		b, err := c.in.byte()
		if err != nil {
			return err
		}
		if b != word[0][i] {
			return c.malformed("a value is wrong")
		}
	}
	return c.write([]byte(word[1])...)
}
