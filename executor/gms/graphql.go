package gms

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// maxGraphQLErrors is how many errors of one answer are told.
const maxGraphQLErrors = 5

// GraphQL makes a query and stores the data of the answer in into, a pointer.
// An answer with errors is an error, even if it has data as well.
func (c *Client) GraphQL(ctx context.Context, query string, variables any, into any) error {
	return c.graphql(ctx, "querying", query, variables, into)
}

func (c *Client) graphql(ctx context.Context, op, query string, variables, into any) error {
	body, err := json.Marshal(struct {
		Query     string `json:"query"`
		Variables any    `json:"variables,omitempty"`
	}{query, variables})
	if err != nil {
		return &Error{Kind: Rejected, Op: op, Detail: "the variables have no JSON form", err: err}
	}
	_, err = c.do(ctx, call{
		op: op, method: http.MethodPost, path: "api/graphql", body: body, limit: maxRead,
		judge: func(a *answer) *Error { return judgeGraphQL(a.body, into) },
	})
	return err
}

// graphQLError is an error in the form of the GraphQL specification, section
// 7.1.2, with DataHub's extensions.
type graphQLError struct {
	Message    string `json:"message"`
	Extensions struct {
		Code           json.RawMessage `json:"code"` // of HTTP, a number
		Classification json.RawMessage `json:"classification"`
	} `json:"extensions"`
}

func judgeGraphQL(body []byte, into any) *Error {
	var result struct {
		Data   json.RawMessage `json:"data"`
		Errors []graphQLError  `json:"errors"`
	}
	if json.Unmarshal(body, &result) != nil {
		return foreign("the answer is not one to a query")
	}
	if len(result.Errors) > 0 {
		return queryFailed(result.Errors)
	}
	if len(result.Data) == 0 || result.Data[0] != '{' || json.Unmarshal(result.Data, into) != nil {
		return foreign("the answer's data do not have the form that was asked for")
	}
	return nil
}

// errQuery marks errors that the server tells as the answer to a query.
var errQuery = errors.New("the query failed")

// queryFailed is of the kind of the first error that has one. It is final for
// this call: resolvers report what will never work as internal errors as well.
func queryFailed(errs []graphQLError) *Error {
	failure := &Error{Kind: Protocol, err: errQuery, final: true}
	for i, e := range errs {
		if i < maxGraphQLErrors {
			if i > 0 {
				failure.Detail += "; "
			}
			failure.Detail += e.Message
		}
		var status int
		if failure.Kind == Protocol && json.Unmarshal(e.Extensions.Code, &status) == nil && status >= 400 {
			failure.Kind = kindOf(status)
		}
	}
	if failure.Kind != NotFound { // of an entity, not of the address
		failure.Hint = hint(failure.Kind, &answer{})
	}
	return failure
}
