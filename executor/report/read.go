package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/lockforge/lockforge/executor/mask"
)

// Document is a structured report: one JSON document, compact, masked and
// maybe shortened. The zero value is none.
type Document struct {
	JSON []byte
	// Size is the length of the file in bytes.
	Size int64
	// Left says what was left out to make it fit.
	Left LeftOut
}

// LeftOut counts what a document lacks.
type LeftOut struct {
	Items   int64 // of lists
	Members int64 // of objects
	Strings int64 // that were cut
}

// Any reports whether anything was left out.
func (l LeftOut) Any() bool { return l != LeftOut{} }

func (l LeftOut) String() string {
	return fmt.Sprintf("%d list items and %d object members left out, %d texts cut", l.Items, l.Members, l.Strings)
}

// level bounds what stays of a document; 0 is no bound.
type level struct {
	text    int // bytes of a string
	items   int // of a list
	members int // of an object
}

// levels are tried in order until the document fits: what tells most about a
// run is near the root and at the beginning of lists.
var levels = []level{
	{},
	{text: 128 << 10, items: 10_000, members: 20_000},
	{text: 16 << 10, items: 1000, members: 2000},
	{text: 2 << 10, items: 100, members: 500},
	{text: 512, items: 20, members: 100},
	{text: 128, items: 5, members: 50},
}

// Read reads the report that a run left at path and masks it: every string,
// key and number in it. limit bounds the bytes of the document; 0 is
// DefaultBudget. A larger one is shortened: long lists, objects and texts
// lose their ends. Memory is a small multiple of limit, whatever the file's size.
//
// The errors are ErrNone, ErrRefused, ErrTooLarge and ErrMalformed; none of
// them quotes the file.
func Read(path string, m *mask.Masker, limit int) (Document, error) {
	f, err := open(path)
	if err != nil {
		return Document{}, err
	}
	defer f.Close()
	return shorten(f, m, limit)
}

// shorten reads the document once per level.
func shorten(in io.ReadSeeker, m *mask.Masker, limit int) (Document, error) {
	if limit <= 0 {
		limit = DefaultBudget
	}
	for _, l := range levels {
		if _, err := in.Seek(0, io.SeekStart); err != nil {
			return Document{}, fmt.Errorf("%w: reading it again: %w", ErrRefused, err)
		}
		d, err := copyDocument(in, m, l, limit)
		if errors.Is(err, errFull) {
			continue
		}
		if err != nil {
			return Document{}, err
		}
		// A secret may lie across strings, where masking could not see it:
		// then nothing of the document leaves.
		if !bytes.Equal(m.Bytes(d.JSON), d.JSON) {
			return Document{}, fmt.Errorf("%w: a secret lies across its parts", ErrRefused)
		}
		return d, nil
	}
	return Document{}, fmt.Errorf("%w: more than %d bytes even when shortened", ErrTooLarge, limit)
}

// fit shortens a document that was read until it costs at most budget in the
// encoded proposal. ok is false where it can't.
func (d Document) fit(m *mask.Masker, budget int) (fitting Document, ok bool) {
	if len(d.JSON) == 0 {
		return d, false
	}
	if EncodedSize(string(d.JSON)) <= budget {
		return d, true
	}
	for limit := min(budget, len(d.JSON)-1); limit > 1; limit /= 2 {
		s, err := shorten(bytes.NewReader(d.JSON), m, limit)
		if err != nil {
			return d, false
		}
		if EncodedSize(string(s.JSON)) <= budget {
			s.Size = d.Size
			s.Left = LeftOut{s.Left.Items + d.Left.Items, s.Left.Members + d.Left.Members, s.Left.Strings + d.Left.Strings}
			return s, true
		}
	}
	return d, false
}
