package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer bounds the answer of a token endpoint, in bytes.
const maxAnswer = 1 << 20

// endpointClient never follows a redirect: it would carry the client's secret
// to where the endpoint says.
func endpointClient(c *http.Client) *http.Client {
	client := http.Client{}
	if c != nil {
		client = *c
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// request posts the form and returns the token and how long it lives.
func request(ctx context.Context, client *http.Client, endpoint string, form url.Values) (string, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", 0, fmt.Errorf("%w: the token endpoint is not a URL", ErrConfig)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	response, err := client.Do(r)
	if err != nil {
		return "", 0, fmt.Errorf("%w: asking %s: %w", ErrUnavailable, place(endpoint), cause(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return "", 0, fmt.Errorf("%w: reading the answer of %s: %w", ErrUnavailable, place(endpoint), cause(err))
	}
	if response.StatusCode != http.StatusOK {
		return "", 0, refusal(endpoint, response.StatusCode, body)
	}
	return token(endpoint, body)
}

func token(endpoint string, body []byte) (string, time.Duration, error) {
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Life  any    `json:"expires_in"`
	}
	// The decoder's error would show a piece of the answer.
	if len(body) > maxAnswer || json.Unmarshal(body, &answer) != nil {
		return "", 0, fmt.Errorf("%w: %s answers with something else than a token; is it the token endpoint?", ErrRefused, place(endpoint))
	}
	if answer.Type != "" && !strings.EqualFold(answer.Type, "bearer") {
		return "", 0, fmt.Errorf("%w: %s gives tokens that are not bearer tokens", ErrRefused, place(endpoint))
	}
	if err := usable("access_token of "+place(endpoint), answer.Token); err != nil {
		return "", 0, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return answer.Token, life(answer.Life), nil
}

// codes are the errors of RFC 6749 section 5.2: the only part of a refusal
// that is shown, as endpoints repeat what they were sent.
var codes = map[string]string{
	"invalid_request":        "invalid_request: a parameter is missing or unsupported; check scope and audience",
	"invalid_client":         "invalid_client: check the client's id and secret",
	"invalid_grant":          "invalid_grant: the provider does not accept this assertion",
	"unauthorized_client":    "unauthorized_client: allow this client the client credentials grant",
	"unsupported_grant_type": "unsupported_grant_type: the provider has no client credentials grant",
	"invalid_scope":          "invalid_scope: check the scope",
}

func refusal(endpoint string, status int, body []byte) error {
	kind := ErrRefused
	if status == http.StatusTooManyRequests || status >= 500 {
		kind = ErrUnavailable
	}
	var answer struct {
		Code string `json:"error"`
	}
	_ = json.Unmarshal(body, &answer)
	reason := fmt.Sprintf("status %d", status)
	if status >= 300 && status < 400 {
		reason += ", a redirect, which is not followed; name the endpoint itself"
	}
	if text, ok := codes[answer.Code]; ok {
		reason += ", " + text
	}
	return fmt.Errorf("%w: %s answers %s", kind, place(endpoint), reason)
}

// cause is an error of http.Client without the URL.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// place is a URL without what may be secret in it.
func place(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "the token endpoint"
	}
	return u.Scheme + "://" + u.Host + u.EscapedPath()
}
