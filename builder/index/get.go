package index

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/lockforge/lockforge/builder/fault"
)

// maxRange bounds what Range keeps in memory, in bytes.
const maxRange = 64 << 20

// Get opens a file at an offset in bytes. The body begins at the offset also
// with servers that know no ranges: what lies before is read and thrown away.
// A login in the URL is used for this request, and goes to its origin only.
// size is that of the whole file, -1 where the server does not say. A
// connection that breaks while the body is read is the caller's to handle
// (Temporary tells whether it makes sense to go on), everything before that is
// retried. The caller closes the body.
//
// Errors: fault.Network, matching ErrNotFound or ErrDenied where that is the
// cause; fault.Integrity, matching ErrHTML, for an error page sent as the file;
// fault.Cancelled.
func (c *Client) Get(ctx context.Context, rawURL string, offset int64) (body io.ReadCloser, size int64, err error) {
	r, err := c.newRequest(http.MethodGet, rawURL)
	if err != nil {
		return nil, 0, err
	}
	r.ranged, r.first, r.last = offset > 0, offset, -1
	err = c.try(ctx, r.url, func() error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		body, size, err = openBody(resp, r)
		if err != nil {
			_ = resp.Body.Close()
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return body, size, nil
}

// Head asks for the size of a file in bytes; -1 where the server does not say.
//
// Errors: those of Get.
func (c *Client) Head(ctx context.Context, rawURL string) (size int64, err error) {
	r, err := c.newRequest(http.MethodHead, rawURL)
	if err != nil {
		return 0, err
	}
	err = c.try(ctx, r.url, func() error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		size = resp.ContentLength
		return resp.Body.Close()
	})
	return size, err
}

// Range reads n bytes of a file from an offset, fewer where the file ends.
// Servers that know no ranges are read from the start. n is at most 64 MiB.
//
// Errors: those of Get; fault.Internal for a range out of bounds.
func (c *Client) Range(ctx context.Context, rawURL string, offset, n int64) ([]byte, error) {
	if offset < 0 || n <= 0 || n > maxRange {
		return nil, fault.New(fault.Internal, "reading a range: offset %d, length %d", offset, n)
	}
	r, err := c.newRequest(http.MethodGet, rawURL)
	if err != nil {
		return nil, err
	}
	r.ranged, r.first, r.last = true, offset, offset+n-1
	var content []byte
	err = c.try(ctx, r.url, func() error {
		resp, err := c.send(ctx, r)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, _, err := openBody(resp, r)
		if err != nil {
			return err
		}
		content, err = io.ReadAll(io.LimitReader(body, n))
		return err
	})
	return content, err
}

// openBody brings the body to the wanted offset and finds out the whole size.
func openBody(resp *http.Response, r request) (io.ReadCloser, int64, error) {
	if resp.StatusCode == http.StatusPartialContent {
		first, size, err := parseContentRange(resp.Header.Get("Content-Range"))
		if err != nil || first != r.first {
			return nil, 0, ErrRange
		}
		return resp.Body, size, nil
	}
	body := resp.Body
	if isHTML(resp.Header.Get("Content-Type")) {
		head := make([]byte, 512)
		n, err := io.ReadFull(body, head)
		if err != nil && n == 0 {
			return nil, 0, err
		}
		if isHTML(http.DetectContentType(head[:n])) {
			return nil, 0, ErrHTML
		}
		body = &prefixed{Reader: io.MultiReader(bytes.NewReader(head[:n]), body), Closer: body}
	}
	if _, err := io.CopyN(io.Discard, body, r.first); err != nil {
		return nil, 0, err
	}
	return body, resp.ContentLength, nil
}

// prefixed is a body whose beginning has been read already.
type prefixed struct {
	io.Reader
	io.Closer
}

func isHTML(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/html")
}

// parseContentRange reads "bytes 5-9/10" or "bytes 5-9/*" (RFC 9110, 14.4).
func parseContentRange(value string) (first, size int64, err error) {
	var last int64
	var total string
	if _, err := fmt.Sscanf(value, "bytes %d-%d/%s", &first, &last, &total); err != nil {
		return 0, 0, ErrRange
	}
	if total == "*" {
		return first, -1, nil
	}
	size, err = strconv.ParseInt(total, 10, 64)
	if err != nil || last < first || size <= last {
		return 0, 0, ErrRange
	}
	return first, size, nil
}
