package gms

import (
	"errors"
	"net/http"
)

// maxRedirects is how many redirects a read follows.
const maxRedirects = 3

// errRedirect is the error for a redirect that is not followed.
var errRedirect = errors.New("redirect not followed")

// sameOrigin follows redirects within the origin only. http.Client alone would
// keep the credential on the way to another port, from https to http and to
// subdomains; and it would turn a write into a read of the login page.
func sameOrigin(next *http.Request, via []*http.Request) error {
	first := via[0]
	if next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host ||
		next.Method != first.Method || len(via) > maxRedirects {
		return errRedirect
	}
	return nil
}
