package gms

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxRefusal bounds what is looked at of an answer that is an error, in bytes;
// GMS adds stack traces.
const maxRefusal = 64 << 10

// tooLarge are the words with which the stores behind GMS refuse a size that
// GMS itself took, in lower case.
var tooLarge = []string{"recordtoolargeexception", "packet for query is too large", "packettoobigexception", "max_allowed_packet"}

// urlHint is for addresses that lead to something else than GMS.
const urlHint = "check the URL of GMS: port 8080 of GMS itself, or the frontend's address with /gms or /api/gms"

// unanswered is the error of an attempt without a complete answer.
func (c *Client) unanswered(err error, response *http.Response, credential string) *Error {
	if errors.Is(err, errRedirect) {
		return redirected(response, credential)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the address, which the operation tells
	}
	failure := &Error{Kind: Unavailable, Detail: clip(redact(err.Error(), credential)), err: err}
	if strings.Contains(failure.Detail, "x509: ") {
		failure.Hint = "name the certificate of its authority among the roots"
	}
	return failure
}

// redirected tells where the server wanted to send the caller, but not with
// what: login pages get tokens in the query.
func redirected(response *http.Response, credential string) *Error {
	failure := &Error{Kind: Protocol, Detail: "it redirects elsewhere", Hint: "set the URL of GMS to the address that answers itself"}
	if response == nil {
		return failure
	}
	failure.Status = response.StatusCode
	if to, err := response.Location(); err == nil {
		failure.Detail = clip(redact("it redirects to "+to.Scheme+"://"+to.Host, credential))
	}
	return failure
}

// refused is the error of an answer that is not a success.
func (c *Client) refused(a *answer, credential string) *Error {
	e := &Error{Kind: kindOf(a.status), Status: a.status, Detail: detail(a.body, credential)}
	if e.Kind == Unavailable {
		e.RetryAfter = retryAfter(a.header.Get("Retry-After"), c.now())
	}
	lower := strings.ToLower(e.Detail)
	for _, words := range tooLarge {
		if strings.Contains(lower, words) {
			e.Kind = TooLarge
		}
	}
	if e.Kind == Rejected {
		e.Immutable = strings.Contains(lower, "invalid update to immutable state")
		e.Exists = a.status == http.StatusPreconditionFailed || strings.Contains(lower, "since the aspect already exists") ||
			strings.Contains(lower, "expected version ")
	}
	if a.status == http.StatusNotFound && fromRestli(a.header) {
		e.err = errAbsent
	}
	e.Hint = hint(e.Kind, a)
	return e
}

func kindOf(status int) Kind {
	switch status {
	case http.StatusUnauthorized:
		return Unauthorized
	case http.StatusForbidden:
		return Forbidden
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return NotFound
	case http.StatusRequestEntityTooLarge:
		return TooLarge
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return Unavailable
	}
	switch {
	case status >= 500:
		return Unavailable
	case status >= 400:
		return Rejected
	}
	return Protocol
}

func hint(kind Kind, a *answer) string {
	switch {
	case kind == Unauthorized:
		return "check the token or the authentication settings"
	case kind == Forbidden:
		return "give the owner of the token the privileges of an executor: Manage Metadata Ingestion, and reading and editing execution requests"
	case kind == NotFound || strings.Contains(a.header.Get("Content-Type"), "text/html"):
		return urlHint
	}
	return ""
}

// detail is what an error answer says, on one line.
func detail(body []byte, credential string) string {
	cut := len(body) > maxRefusal
	if cut {
		body = body[:maxRefusal]
	}
	text := redact(string(body), credential)
	if cut { // what may be the start of a credential
		text = text[:max(0, len(text)-len(credential))]
	}
	var parsed struct {
		Message any `json:"message"`
		Error   any `json:"error"`
	}
	if json.Unmarshal([]byte(text), &parsed) == nil {
		for _, part := range []any{parsed.Message, parsed.Error} {
			if s, ok := part.(string); ok && s != "" {
				// A JSON escape may have hidden a part of it before.
				return clip(redact(s, credential))
			}
		}
	}
	return clip(text)
}

// redact replaces the credential and what it is made of.
func redact(text, credential string) string {
	if credential == "" {
		return text
	}
	parts := []string{credential}
	if _, value, ok := strings.Cut(credential, " "); ok {
		parts = append(parts, value)
		if _, secret, ok := strings.Cut(value, ":"); ok {
			parts = append(parts, secret)
		}
	}
	for _, part := range parts {
		if part != "" {
			text = strings.ReplaceAll(text, part, "[redacted]")
		}
	}
	return text
}

// clip makes text one harmless line of at most maxDetail bytes.
func clip(text string) string {
	text = strings.ToValidUTF8(text, "\ufffd")
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(text) <= maxDetail {
		return text
	}
	end := maxDetail - len("...")
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "..."
}

// retryAfter reads the header in both of its forms (RFC 9110 section 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 32); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
