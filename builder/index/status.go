package index

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/lockforge/lockforge/builder/internal/stall"
)

// ErrNotFound is matched by errors about a project that its index does not
// know, or a file that is no longer there.
var ErrNotFound = errors.New("not found")

// ErrDenied is matched by errors about missing or refused credentials.
var ErrDenied = errors.New("access denied")

// ErrHTML is matched by the error about a web page that came in place of a file.
var ErrHTML = errors.New("an HTML page came in place of the file")

// ErrRange is matched by errors about an answer that does not go on where it
// was asked to.
var ErrRange = errors.New("the server does not have the byte range that was asked for")

var (
	errDowngrade = errors.New("a redirect from https to http is not followed")
	errRedirects = errors.New("too many redirects")
	errLocation  = errors.New("a redirect to what is no http or https URL")
)

// StatusError is an answer other than the wanted one.
type StatusError struct {
	Code  int           // HTTP status
	After time.Duration // the server's Retry-After; 0 for none
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("server answered %d %s", e.Code, http.StatusText(e.Code))
}

// Is makes 404 and 410 match ErrNotFound, 401, 403 and 407 ErrDenied, 416 ErrRange.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusNotFound, http.StatusGone:
		return target == ErrNotFound
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusProxyAuthRequired:
		return target == ErrDenied
	case http.StatusRequestedRangeNotSatisfiable:
		return target == ErrRange
	}
	return false
}

func newStatusError(resp *http.Response, now time.Time) *StatusError {
	e := &StatusError{Code: resp.StatusCode}
	value := resp.Header.Get("Retry-After")
	if seconds, err := strconv.Atoi(value); err == nil && seconds > 0 {
		e.After = time.Duration(min(seconds, 1<<20)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil && at.After(now) {
		e.After = at.Sub(now)
	}
	return e
}

// Temporary reports whether an error of a Client or of a body it returned may
// go away by itself, so that another attempt makes sense: 408, 425, 429, 5xx
// but 501, refused, reset and stalled connections, truncated bodies.
func Temporary(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		switch status.Code {
		case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return true
		case http.StatusNotImplemented:
			return false
		}
		return status.Code >= 500
	}
	if errors.Is(err, stall.Err) {
		return true
	}
	var transport *transportError
	if !errors.As(err, &transport) || errors.Is(err, context.Canceled) {
		return false
	}
	return !permanent(transport.err)
}

// permanent singles out the transport errors that no attempt can heal.
func permanent(err error) bool {
	for _, e := range []error{errDowngrade, errRedirects, errLocation} {
		if errors.Is(err, e) {
			return true
		}
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsNotFound && !dns.IsTemporary
	}
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		record    tls.RecordHeaderError
	)
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &record)
}

// transportError is an error of the network below HTTP. Its text has been
// cleared of every secret that the Client knows.
type transportError struct {
	text string
	err  error
}

func (e *transportError) Error() string { return e.text }
func (e *transportError) Unwrap() error { return e.err }
