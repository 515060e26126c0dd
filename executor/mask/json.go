package mask

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxDepth bounds the nesting of a document.
const maxDepth = 1000

// ErrDocument is the error of JSON for what is no single JSON document.
var ErrDocument = errors.New("not a JSON document")

// JSON copies a JSON document with the strings in it masked, keys included, and
// without the white space between them. Masking the bytes of a document would
// miss nothing, but could break it: a secret may be a number, or hold quotes.
// A number with a secret in it becomes a string. Keys that look alike masked
// stay as they are, one after the other.
//
// Memory is bounded by the longest string of the document, not by its length.
// After an error, which names nothing of the document, dst has a part of it.
func (m *Masker) JSON(dst io.Writer, src io.Reader) error {
	in := json.NewDecoder(src)
	in.UseNumber()
	out := &printer{m: m, w: bufio.NewWriter(dst)}
	for {
		token, err := in.Token()
		if err != nil {
			return malformed(err)
		}
		if err := out.token(token); err != nil {
			return err
		}
		if len(out.open) == 0 {
			break
		}
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows it", ErrDocument)
	}
	return out.w.Flush()
}

// malformed hides the text of a syntax error: it may quote the document.
func malformed(err error) error {
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("%w: wrong syntax before byte %d", ErrDocument, syntax.Offset)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: it ends too early", ErrDocument)
	default:
		return err
	}
}

// printer writes tokens as a compact document.
type printer struct {
	m    *Masker
	w    *bufio.Writer
	open []level
}

// level is an array or an object that is not closed yet.
type level struct {
	object bool
	count  int // values so far; in an object, keys and values
}

// token writes a token. Errors of the bufio.Writer stay until Flush.
func (p *printer) token(token json.Token) error {
	if delim, ok := token.(json.Delim); ok && (delim == '}' || delim == ']') {
		p.open = p.open[:len(p.open)-1]
		_ = p.w.WriteByte(byte(delim))
		return nil
	}
	if n := len(p.open); n > 0 {
		at := &p.open[n-1]
		switch {
		case at.object && at.count%2 == 1:
			_ = p.w.WriteByte(':')
		case at.count > 0:
			_ = p.w.WriteByte(',')
		}
		at.count++
	}
	switch token := token.(type) {
	case json.Delim:
		if len(p.open) == maxDepth {
			return fmt.Errorf("%w: nested deeper than %d", ErrDocument, maxDepth)
		}
		p.open = append(p.open, level{object: token == '{'})
		_ = p.w.WriteByte(byte(token))
	case json.Number:
		if masked := p.m.String(token.String()); masked != token.String() {
			return p.text(masked)
		}
		_, _ = p.w.WriteString(token.String())
	case string:
		return p.text(p.m.String(token))
	default: // a literal, which is never a secret
		return p.encode(token)
	}
	return nil
}

func (p *printer) text(s string) error { return p.encode(s) }

func (p *printer) encode(v any) error {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err
	}
	_, err := p.w.WriteString(strings.TrimSuffix(text.String(), "\n"))
	return err
}
