// Package limitio reads untrusted bytes under a limit, with a typed error.
package limitio

import (
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge is matched by every error that a limit of this package causes.
var ErrTooLarge = errors.New("input too large")

// TooLarge says which limit was passed, in bytes.
type TooLarge struct{ Limit int64 }

func (e *TooLarge) Error() string        { return fmt.Sprintf("more than %d bytes", e.Limit) }
func (e *TooLarge) Is(target error) bool { return target == ErrTooLarge }

// Reader returns a reader that fails with *TooLarge as soon as r has given
// more than limit bytes. Unlike io.LimitReader it never ends early in silence.
func Reader(r io.Reader, limit int64) io.Reader {
	return &reader{r: r, left: limit, limit: limit}
}

// ReadAll reads r to its end, at most limit bytes.
func ReadAll(r io.Reader, limit int64) ([]byte, error) {
	return io.ReadAll(Reader(r, limit))
}

type reader struct {
	r           io.Reader
	left, limit int64
}

func (l *reader) Read(p []byte) (int, error) {
	// One byte more than is allowed is asked for, so that the end of the input
	// and the passing of the limit can be told apart.
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if int64(n) > l.left {
		return int(l.left), &TooLarge{Limit: l.limit}
	}
	l.left -= int64(n)
	return n, err
}
