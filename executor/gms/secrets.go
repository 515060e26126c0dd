package gms

import (
	"context"
	"errors"
)

// MaxSecrets is how many secrets one call asks for at most.
const MaxSecrets = 1000

const secretsQuery = `query getSecretValues($input: GetSecretValuesInput!) { getSecretValues(input: $input) { name value } }`

// secretsHint explains the refusal that nearly everybody meets: since 1.7 GMS
// gives values to system accounts only.
const secretsHint = "GMS gives the values of its secrets to system accounts only (SECRET_SERVICE_CALLER_GUARD_MODE): " +
	"authenticate with DATAHUB_SYSTEM_CLIENT_ID and DATAHUB_SYSTEM_CLIENT_SECRET, or keep the secret in a local store"

// Secrets returns the values of those secrets of DataHub that exist, at most
// MaxSecrets names at once. No error of it carries a value.
func (c *Client) Secrets(ctx context.Context, names []string) (map[string]string, error) {
	const op = "reading secrets"
	values := map[string]string{}
	if len(names) == 0 {
		return values, nil
	}
	if len(names) > MaxSecrets {
		return nil, &Error{Kind: Rejected, Op: op, Detail: "too many names at once"}
	}
	asked := make(map[string]bool, len(names))
	for _, name := range names {
		asked[name] = true
	}
	var data struct {
		Values []struct {
			Name  string  `json:"name"`
			Value *string `json:"value"`
		} `json:"getSecretValues"`
	}
	variables := map[string]any{"input": map[string]any{"secrets": names}}
	if err := c.graphql(ctx, op, secretsQuery, variables, &data); err != nil {
		var e *Error
		// The guard's refusal may come as an internal error.
		if errors.As(err, &e) && (e.Kind == Forbidden || e.Kind == Unavailable && errors.Is(err, errQuery)) {
			e.Hint = secretsHint
		}
		return nil, err
	}
	for _, v := range data.Values {
		if asked[v.Name] && v.Value != nil {
			values[v.Name] = *v.Value
		}
	}
	return values, nil
}
