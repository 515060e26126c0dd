package recipe

import (
	"errors"
	"fmt"
	"io"
)

// Reason classifies why a text is no acceptable recipe.
type Reason string

// Reasons.
const (
	Unreadable Reason = "unreadable" // the reader failed
	TooLarge   Reason = "too-large"  // more bytes, lines or nesting than allowed
	Encoding   Reason = "encoding"   // no UTF-8, or characters that do not belong in a text
	Syntax     Reason = "syntax"     // neither YAML nor JSON
	Structure  Reason = "structure"  // more than one document, or no mapping
	Duplicate  Reason = "duplicate"  // a key is given twice
	Key        Reason = "key"        // a key that is no plain short string
	Alias      Reason = "alias"      // an anchor, an alias or a merge key
	Tag        Reason = "tag"        // an explicit type
	Ambiguous  Reason = "ambiguous"  // readers disagree about the value's type
)

// Error is one problem of a recipe. Parse joins several of them; errors.As
// finds the first, Reasons all of their kinds.
type Error struct {
	Reason Reason
	// Line and Column count from 1, Column in characters; 0 is unknown.
	Line, Column int
	Text         string
	Hint         string // what to do about it; may be empty
	Err          error  // the cause; may be nil
}

func (e *Error) Error() string {
	text := e.Text
	if e.Line > 0 {
		text = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, text)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *Error) Unwrap() error { return e.Err }

// maxProblems bounds how many problems of one recipe are reported.
const maxProblems = 20

// problems collects what is wrong with a recipe. It is full after maxProblems.
type problems []error

func (p *problems) add(at position, reason Reason, hint, format string, args ...any) {
	if !p.full() {
		*p = append(*p, &Error{Reason: reason, Line: at.line, Column: at.column, Text: fmt.Sprintf(format, args...), Hint: hint})
	}
}

func (p *problems) full() bool { return len(*p) >= maxProblems }

func (p *problems) err() error { return errors.Join(*p...) }

// readAll reads r to its end, at most limit bytes.
func readAll(r io.Reader, limit int) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case err != nil:
		return nil, &Error{Reason: Unreadable, Text: "reading", Err: err}
	case len(text) > limit:
		return nil, &Error{Reason: TooLarge, Text: fmt.Sprintf("more than %d bytes", limit)}
	}
	return text, nil
}
