package gms

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	// pageSize is how many requests one page of a list has.
	pageSize = 100
	// MaxRequests is how many requests a list has at most: the index behind it
	// gives no more of any search.
	MaxRequests = 10_000
)

// RequestQuery says which execution requests a list has.
type RequestQuery struct {
	Since time.Time // requested at that time or later; zero is any
	Limit int       // at most; 0 or too many is MaxRequests
	Pool  string    // of this pool only; "" is any
}

// RequestSummary is an execution request as a list has it.
type RequestSummary struct {
	URN, ID     string
	Task        string
	Pool        string
	RequestedAt time.Time
	Status      string // "" where there is no result
}

const requestsQuery = `query listExecutionRequests($input: ListExecutionRequestsInput!) {
  listExecutionRequests(input: $input) {
    total
    executionRequests { urn input { task executorId requestedAt } result { status } }
  }
}`

// Requests lists execution requests, the newest first. Which requests there
// are comes from search, which learns of a new one with a delay; read aspects
// before acting on one. A server that is too old for both ways to list them is
// an Error of the kind NotFound.
func (c *Client) Requests(ctx context.Context, q RequestQuery) ([]RequestSummary, error) {
	if q.Limit <= 0 || q.Limit > MaxRequests {
		q.Limit = MaxRequests
	}
	list, err := c.listed(ctx, q)
	// Older servers have no such query and refuse it as invalid.
	if KindOf(err) == Protocol && strings.Contains(err.Error(), "FieldUndefined") {
		return c.scrolled(ctx, q)
	}
	return list, err
}

// listed uses the query behind the UI's own list.
func (c *Client) listed(ctx context.Context, q RequestQuery) ([]RequestSummary, error) {
	var list []RequestSummary
	for start := 0; start < MaxRequests; start += pageSize {
		var data struct {
			List struct {
				Total    int `json:"total"`
				Requests []struct {
					URN   string `json:"urn"`
					Input *struct {
						Task        string `json:"task"`
						Pool        string `json:"executorId"`
						RequestedAt int64  `json:"requestedAt"`
					} `json:"input"`
					Result *struct {
						Status string `json:"status"`
					} `json:"result"`
				} `json:"executionRequests"`
			} `json:"listExecutionRequests"`
		}
		input := map[string]any{
			"start": start, "count": pageSize, "query": "*",
			"sort": map[string]any{"field": "requestTimeMs", "sortOrder": "DESCENDING"},
		}
		if err := c.graphql(ctx, "listing execution requests", requestsQuery, map[string]any{"input": input}, &data); err != nil {
			return nil, err
		}
		for _, r := range data.List.Requests {
			summary := RequestSummary{URN: r.URN, ID: lastPart(r.URN)}
			if r.Input == nil {
				continue // the index knows one that the store has lost
			}
			summary.Task, summary.Pool = r.Input.Task, r.Input.Pool
			summary.RequestedAt = time.UnixMilli(r.Input.RequestedAt)
			if r.Result != nil {
				summary.Status = r.Result.Status
			}
			var more bool
			if list, more = q.add(list, summary); !more {
				return list, nil
			}
		}
		if len(data.List.Requests) == 0 || start+pageSize >= data.List.Total {
			break
		}
	}
	return list, nil
}

// add appends what the query wants; more is false where nothing further can be
// wanted.
func (q RequestQuery) add(list []RequestSummary, s RequestSummary) (_ []RequestSummary, more bool) {
	if !q.Since.IsZero() && s.RequestedAt.Before(q.Since) {
		return list, false
	}
	if q.Pool == "" || q.Pool == s.Pool {
		list = append(list, s)
	}
	return list, len(list) < q.Limit
}

// scrolled uses the API of version 3.
func (c *Client) scrolled(ctx context.Context, q RequestQuery) ([]RequestSummary, error) {
	var list []RequestSummary
	query := url.Values{
		"aspects": {InputAspect, ResultAspect}, "count": {strconv.Itoa(pageSize)}, "query": {"*"},
		"sortCriteria": {"requestTimeMs"}, "sortOrder": {"DESCENDING"}, "skipCache": {"true"},
	}
	for range MaxRequests / pageSize {
		var page struct {
			ScrollID string                       `json:"scrollId"`
			Entities []map[string]json.RawMessage `json:"entities"`
		}
		_, err := c.do(ctx, call{
			op: "listing execution requests", method: http.MethodGet, path: "openapi/v3/entity/" + ExecutionRequest,
			query: query, limit: maxRead,
			judge: func(a *answer) *Error {
				if json.Unmarshal(a.body, &page) != nil || page.Entities == nil {
					return foreign("the answer is not a page of entities")
				}
				return nil
			},
		})
		if err != nil {
			return nil, err
		}
		for _, entity := range page.Entities {
			summary, ok := summarize(entity)
			if !ok {
				continue
			}
			var more bool
			if list, more = q.add(list, summary); !more {
				return list, nil
			}
		}
		if page.ScrollID == "" || len(page.Entities) == 0 {
			break
		}
		query.Set("scrollId", page.ScrollID)
	}
	return list, nil
}

// summarize reads an entity of a page.
func summarize(entity map[string]json.RawMessage) (RequestSummary, bool) {
	var urn string
	var input struct {
		Value *struct {
			Task        string `json:"task"`
			Pool        string `json:"executorId"`
			RequestedAt int64  `json:"requestedAt"`
		} `json:"value"`
	}
	var result struct {
		Value struct {
			Status string `json:"status"`
		} `json:"value"`
	}
	if json.Unmarshal(entity["urn"], &urn) != nil || json.Unmarshal(entity[InputAspect], &input) != nil || input.Value == nil {
		return RequestSummary{}, false
	}
	_ = json.Unmarshal(entity[ResultAspect], &result)
	return RequestSummary{
		URN: urn, ID: lastPart(urn), Task: input.Value.Task, Pool: input.Value.Pool,
		RequestedAt: time.UnixMilli(input.Value.RequestedAt), Status: result.Value.Status,
	}, true
}

func lastPart(urn string) string { return urn[strings.LastIndexByte(urn, ':')+1:] }
