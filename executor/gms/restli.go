package gms

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// single uses the older API, one aspect per call, which says nothing about
// versions and times.
func (c *Client) single(ctx context.Context, op string, urns, aspects []string) (map[string]map[string]Aspect, error) {
	found := map[string]map[string]Aspect{}
	for _, urn := range urns {
		for _, name := range aspects {
			value, err := c.restli(ctx, op, urn, name)
			if err != nil {
				return nil, err
			}
			if value == nil {
				continue
			}
			if found[urn] == nil {
				found[urn] = map[string]Aspect{}
			}
			found[urn][name] = Aspect{Value: value}
		}
	}
	return found, nil
}

// errAbsent marks a 404 that comes from the resource itself.
var errAbsent = errors.New("absent")

// fromRestli tells an answer of rest.li from that of anything before it.
func fromRestli(h http.Header) bool {
	return h.Get("X-RestLi-Protocol-Version") != "" || h.Get("X-RestLi-Error-Response") != ""
}

// restli returns the value of an aspect, nil where there is none. Absence is
// status 404 there, which a wrong address gives as well: only one that rest.li
// has signed with its headers counts.
func (c *Client) restli(ctx context.Context, op, urn, name string) ([]byte, error) {
	a, err := c.do(ctx, call{
		op: op, method: http.MethodGet, path: "aspects/" + url.PathEscape(urn),
		query: url.Values{"aspect": {name}, "version": {"0"}}, limit: maxRead,
	})
	if errors.Is(err, errAbsent) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	value, ok := onlyAspect(a.body)
	if !ok {
		failure := foreign("the answer is not an aspect")
		failure.Op, failure.Status = op, a.status
		return nil, failure
	}
	return value, nil
}

// onlyAspect takes the value from below its type's name:
// {"aspect": {"com.linkedin.execution...": {...}}}.
func onlyAspect(body []byte) ([]byte, bool) {
	var versioned struct {
		Aspect map[string]json.RawMessage `json:"aspect"`
	}
	if json.Unmarshal(body, &versioned) != nil || len(versioned.Aspect) != 1 {
		return nil, false
	}
	for _, value := range versioned.Aspect {
		return value, len(value) > 0 && value[0] == '{'
	}
	return nil, false
}
