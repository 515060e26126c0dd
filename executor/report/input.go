package report

import (
	"errors"
	"fmt"
	"io"
)

// bufferBytes is how much of the file is held at a time.
const bufferBytes = 64 << 10

// errEnd is the end of the file: where it is not expected, a malformed one.
var errEnd = fmt.Errorf("%w: it ends too early", ErrMalformed)

// input reads a file byte by byte, and counts: the file may grow meanwhile.
type input struct {
	from    io.Reader
	buf     []byte
	at, end int   // buf[at:end] was not given out yet
	before  int64 // bytes before buf
}

func newInput(from io.Reader) *input { return &input{from: from, buf: make([]byte, bufferBytes)} }

// read is how many bytes were given out.
func (in *input) read() int64 { return in.before + int64(in.at) }

// byte returns the next byte, or errEnd.
func (in *input) byte() (byte, error) {
	if in.at == in.end {
		if err := in.more(); err != nil {
			return 0, err
		}
	}
	b := in.buf[in.at]
	in.at++
	return b, nil
}

// peek returns the next byte without taking it.
func (in *input) peek() (byte, error) {
	b, err := in.byte()
	if err == nil {
		in.at--
	}
	return b, err
}

// plain takes the bytes up to the next that means something in a string, as
// far as they are in the buffer. They are good until the next call.
func (in *input) plain() []byte {
	from := in.at
	for in.at < in.end && !special[in.buf[in.at]] {
		in.at++
	}
	return in.buf[from:in.at]
}

// special are the bytes at which plain stops.
var special = func() (is [256]bool) {
	for b := range byte(' ') {
		is[b] = true
	}
	is['"'], is['\\'] = true, true
	return is
}()

// more fills the buffer, of which everything was given out.
func (in *input) more() error {
	in.before += int64(in.end)
	in.at, in.end = 0, 0
	if in.before > MaxFileBytes {
		return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxFileBytes)
	}
	n, err := io.ReadAtLeast(in.from, in.buf, 1)
	in.end = n
	switch {
	case n > 0:
		return nil
	case errors.Is(err, io.EOF):
		return errEnd
	default:
		return fmt.Errorf("%w: reading it: %w", ErrRefused, err)
	}
}
