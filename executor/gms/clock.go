package gms

import (
	"net/http"
	"time"
)

// told is what an answer said of the server's clock.
type told struct {
	theirs time.Time
	at     time.Time // by this host's
}

// Time is what the server's clock says, by which it dates requests: as its last
// answer told, to the second, and then as long as it has been since. Before the
// first answer it is this host's, as it is for a server that tells no date.
func (c *Client) Time() time.Time {
	last := c.told.Load()
	if last == nil {
		return c.now()
	}
	return last.theirs.Add(c.now().Sub(last.at))
}

func (c *Client) hear(header http.Header) {
	if theirs, err := http.ParseTime(header.Get("Date")); err == nil {
		c.told.Store(&told{theirs, c.now()})
	}
}
