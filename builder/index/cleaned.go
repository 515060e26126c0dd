package index

import (
	"errors"
	"io"
)

// cleaned is a response body whose errors show nothing that is secret.
type cleaned struct {
	io.ReadCloser
	keys *keyring
}

func (c cleaned) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	return n, c.keys.transport(err)
}
